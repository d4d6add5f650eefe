/* metric.c: every metric of NN_METRICS but loss_value, which the engine takes from
   loss.c: the share of a row's answers that are right. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* mean_j [(p_j > threshold) = t_j]; a NaN is not greater. */
VEC_INLINE vec is_right_element(vec *slope, vec p, vec t,
                                const struct nn_loss_args *args)
{
    mask says_one = vec_gt(p, vec_set(args->delta));
    vec answer = vec_select(says_one, vec_set(1), vec_zero());
    *slope = vec_zero();
    return vec_select(vec_eq(answer, t), vec_set(1), vec_zero());
}

static void binary_accuracy(real *value, const real *p, const real *t, size_t rows,
                            size_t cols, real threshold)
{
    const struct nn_loss_args args = {.delta = threshold};
    loss_by_elements(value, NULL, p, t, rows, cols, NULL, 1, (real)cols,
                     is_right_element, &args);
}

/* The first of n >= 1 elements with the largest value; the first NaN if there is one.
 */
VEC_INLINE size_t argmax(const real *x, size_t n)
{
    real top = row_max(x, n);
    for (size_t i = 0; i < n; i += VEC_LANES) {
        vec in = vec_load_upto(x + i, n - i);
        if (!mask_any(mask_or(vec_eq(in, vec_set(top)), vec_is_nan(in)))) continue;
        for (size_t j = i; j < n && j < i + VEC_LANES; j++)
            if (x[j] == top || x[j] != x[j]) return j;
    }
    return 0;
}

/* argmax(p) = argmax(t) */
static void categorical_accuracy(real *value, const real *p, const real *t, size_t rows,
                                 size_t cols, real threshold)
{
    (void)threshold;
    for (size_t i = 0; i < rows; i++)
        value[i] = argmax(p + i * cols, cols) == argmax(t + i * cols, cols);
}

/* argmax(p) = t, the label */
static void sparse_categorical_accuracy(real *value, const real *p, const real *t,
                                        size_t rows, size_t cols, real threshold)
{
    (void)threshold;
    for (size_t i = 0; i < rows; i++)
        value[i] = (real)argmax(p + i * cols, cols) == t[i];
}

#define METRIC_TABLE                                                                   \
    [NN_METRIC_binary_accuracy] = binary_accuracy,                                     \
    [NN_METRIC_categorical_accuracy] = categorical_accuracy,                           \
    [NN_METRIC_sparse_categorical_accuracy] = sparse_categorical_accuracy,
