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

static void binary_accuracy(real *value, const real *p, const real *t, size_t rows,
                            size_t cols, real threshold)
{
    const struct nn_loss_args args = {.delta = threshold};
    loss_by_elements(value, NULL, p, t, rows, cols, NULL, 1, (real)cols,
                     is_right_element, &args);
}

/* out_i = the first column with the largest x_ij, or with a NaN if there is one; for
   m <= VEC_LANES rows, which lie side by side in a vector. */
VEC_INLINE vec argmax(const real *x, size_t m, size_t cols)
{
    real side[SHORT_ROW * VEC_LANES];
    vec top = vec_set(-INFINITY), at = vec_zero();
    for (size_t first = 0; first < cols; first += SHORT_ROW) {
        size_t n = cols - first < SHORT_ROW ? cols - first : SHORT_ROW;
        rows_to_lanes(side, x + first, cols, m, n);
        for (size_t j = 0; j < n; j++) {
            vec in = vec_load(side + j * VEC_LANES);
            // Not top >= in: greater, or a NaN. Once top is NaN, nothing replaces it.
            mask is_new = mask_not(mask_or(vec_ge(top, in), vec_is_nan(top)));
            top = vec_select(is_new, in, top);
            at = vec_select(is_new, vec_set((real)(first + j)), at);
        }
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

#define METRIC_TABLE                                                                   \
    [NN_METRIC_binary_accuracy] = binary_accuracy,                                     \
    [NN_METRIC_categorical_accuracy] = categorical_accuracy,                           \
    [NN_METRIC_sparse_categorical_accuracy] = sparse_categorical_accuracy,
