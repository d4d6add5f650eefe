/* metric.c: every metric of NN_METRICS but loss_value, which the engine takes from
   loss.c: the share of a row's answers that are right. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

VEC_INLINE vec one_where_equal(vec a, vec b)
{
    return vec_select(vec_eq(a, b), vec_set(1), vec_zero());
}

/* mean_j [(p_j > threshold) = t_j]; a NaN is not greater. */
VEC_INLINE vec is_right_element(vec *slope, vec p, vec t,
                                const struct nn_loss_args *args)
{
    mask says_one = vec_gt(p, vec_set(args->delta));
    vec answer = vec_select(says_one, vec_set(1), vec_zero());
    *slope = vec_zero();
    return one_where_equal(answer, t);
}

BLOCK(is_right)

static void binary_accuracy(real *value, const real *p, const real *t, size_t rows,
                            size_t cols, real threshold)
{
    const struct nn_loss_args args = {.delta = threshold};
    loss_by_elements(value, NULL, p, t, rows, cols, NULL, 1, (real)cols, is_right_block,
                     &args);
}
static void binary_accuracy_side(real *value, const real *p, const real *t, size_t ld,
                                 size_t m, size_t cols, real threshold)
{
    const struct nn_loss_args args = {.delta = threshold};
    if (cols == 1)
        is_right_block(value, NULL, p, t, whole_vectors(m), NULL, 1, &args);
    else
        side_by_elements(value, NULL, p, t, ld, m, cols, NULL, 1, (real)cols,
                         is_right_block, &args);
}

/* Columns [from, from + n) of VEC_LANES rows side by side: *at becomes the first column
   with *top, the largest element so far, or with a NaN once there is one. */
VEC_INLINE void side_argmax(vec *top, vec *at, const real *x, size_t ld, size_t from,
                            size_t n)
{
    for (size_t j = 0; j < n; j++) {
        vec in = vec_load(x + j * ld);
        // Not top >= in: greater, or a NaN. Once top is NaN, nothing replaces it.
        mask is_new = mask_not(mask_or(vec_ge(*top, in), vec_is_nan(*top)));
        *top = vec_select(is_new, in, *top);
        *at = vec_select(is_new, vec_set((real)(from + j)), *at);
    }
}

/* The same of m <= VEC_LANES rows one after the other. */
ONE_COPY vec argmax(const real *x, size_t m, size_t cols)
{
    real side[SHORT_ROW * VEC_LANES];
    vec top = vec_set(-INFINITY), at = vec_zero();
    for (size_t j = 0; j < cols; j += SHORT_ROW) {
        size_t n = cols - j < SHORT_ROW ? cols - j : SHORT_ROW;
        rows_to_side(side, x + j, cols, m, n);
        side_argmax(&top, &at, side, VEC_LANES, j, n);
    }
    return at;
}

/* argmax(p) = argmax(t) */
static void categorical_accuracy(real *value, const real *p, const real *t, size_t rows,
                                 size_t cols, real threshold)
{
    (void)threshold;
    for (size_t i = 0; i < rows; i += VEC_LANES) {
        size_t m = rows - i < VEC_LANES ? rows - i : VEC_LANES;
        vec answer = argmax(p + i * cols, m, cols);
        vec truth = argmax(t + i * cols, m, cols);
        vec_store_upto(value + i, one_where_equal(answer, truth), m);
    }
}
static void categorical_accuracy_side(real *value, const real *p, const real *t,
                                      size_t ld, size_t m, size_t cols, real threshold)
{
    (void)threshold;
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec top = vec_set(-INFINITY), answer = vec_zero(), truth = vec_zero();
        side_argmax(&top, &answer, p + i, ld, 0, cols);
        top = vec_set(-INFINITY);
        side_argmax(&top, &truth, t + i, ld, 0, cols);
        vec_store(value + i, one_where_equal(answer, truth));
    }
}

/* argmax(p) = t, the label */
static void sparse_categorical_accuracy(real *value, const real *p, const real *t,
                                        size_t rows, size_t cols, real threshold)
{
    (void)threshold;
    for (size_t i = 0; i < rows; i += VEC_LANES) {
        size_t m = rows - i < VEC_LANES ? rows - i : VEC_LANES;
        vec answer = argmax(p + i * cols, m, cols);
        vec_store_upto(value + i, one_where_equal(answer, vec_load_upto(t + i, m)), m);
    }
}
static void sparse_categorical_accuracy_side(real *value, const real *p, const real *t,
                                             size_t ld, size_t m, size_t cols,
                                             real threshold)
{
    (void)threshold;
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec top = vec_set(-INFINITY), answer = vec_zero();
        side_argmax(&top, &answer, p + i, ld, 0, cols);
        vec_store(value + i, one_where_equal(answer, vec_load(t + i)));
    }
}

#define METRIC_TABLE                                                                   \
    [NN_METRIC_binary_accuracy] = binary_accuracy,                                     \
    [NN_METRIC_categorical_accuracy] = categorical_accuracy,                           \
    [NN_METRIC_sparse_categorical_accuracy] = sparse_categorical_accuracy,

typedef void side_metric_fn(real *value, const real *p, const real *t, size_t ld,
                            size_t m, size_t cols, real threshold);
static side_metric_fn *const side_metrics[NN_METRIC_END] = {
    [NN_METRIC_binary_accuracy] = binary_accuracy_side,
    [NN_METRIC_categorical_accuracy] = categorical_accuracy_side,
    [NN_METRIC_sparse_categorical_accuracy] = sparse_categorical_accuracy_side,
};
