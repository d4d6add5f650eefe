/* norm.c: layers that scale what comes to a common size, and prelu, which has the same
   shape: z = gamma h + beta, where h, kept for the gradient of gamma, is

   batch: (x_j - mean_j) inverse_j; mean and inverse are given
   layer: (x_j - mean) inverse; mean = sum_k x_k / C, inverse = 1 / sqrt(sum_k (x_k -
   mean)^2 / C + epsilon)
   rms: x_j inverse; inverse = 1 / sqrt(sum_k x_k^2 / C + epsilon)
   unit: x_j inverse; inverse = 1 / sqrt(max(sum_k x_k^2, epsilon))
   prelu: min(x_j, 0), z = max(x_j, 0) + gamma_j h, gamma being alpha

   over a group of C columns of a row. Backward, with e = gamma d and sums over the
   group (batch: over all rows and groups, n of them, given):

   batch: inverse_j gamma_j (d - sum d_j / n - h_j sum (d_j h_j) / n); with moving
   statistics inverse_j gamma_j d
   layer: inverse (e_j - sum e / C - h_j sum (e h) / C)
   rms: inverse (e_j - h_j sum (e h) / C)
   unit: inverse (e_j - h_j sum (e h)); inverse e_j where epsilon was the larger
   prelu: x > 0 ? d : x < 0 ? e : 0 */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* ---- column by column ---------------------------------------------------------- */

/* out[j] = sum over rows i and groups of term(x[j], by[j]) in chains of NN_CHAIN, for
   one vector of columns; x at rows[i] + first. */
VEC_INLINE vec column_chain(vec (*term)(vec sum, vec x, vec by), vec by,
                            const real *const *rows, size_t first, size_t lanes,
                            size_t groups, size_t columns, size_t m)
{
    vec total = vec_zero(), sum = vec_zero();
    size_t n = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t g = 0; g < groups; g++) {
            const real *x = rows[i] + g * columns + first;
            sum = term(sum, vec_load_upto(x, lanes), by);
            if (++n < NN_CHAIN) continue;
            total = vec_add(total, sum);
            sum = vec_zero();
            n = 0;
        }
    return n ? vec_add(total, sum) : total;
}
VEC_INLINE vec add_value(vec sum, vec x, vec by)
{
    (void)by;
    return vec_add(sum, x);
}
VEC_INLINE vec add_deviation(vec sum, vec x, vec mean)
{
    vec from = vec_sub(x, mean);
    return vec_fma(from, from, sum);
}

static void column_moments(real *mean, real *variance, const real *const *rows,
                           size_t first, size_t n, size_t groups, size_t columns,
                           size_t m)
{
    const vec count = vec_set((real)(m * groups));
    for (size_t j = 0; j < n; j += VEC_LANES) {
        vec sum = column_chain(add_value, vec_zero(), rows, first + j, n - j, groups,
                               columns, m);
        vec centre = vec_div(sum, count);
        sum = column_chain(add_deviation, centre, rows, first + j, n - j, groups,
                           columns, m);
        vec_store_upto(mean + first + j, centre, n - j);
        vec_store_upto(variance + first + j, vec_div(sum, count), n - j);
    }
}

static void column_dots(real *out, const real *a, const real *b, size_t ld, size_t n,
                        size_t depth)
{
    for (size_t j = 0; j < n; j += VEC_LANES) {
        vec total = vec_zero();
        for (size_t k = 0; k < depth; k += NN_CHAIN) {
            size_t end = depth - k < NN_CHAIN ? depth : k + NN_CHAIN;
            vec sum = vec_zero();
            for (size_t m = k; m < end; m++)
                sum = vec_fma(vec_load_upto(a + m * ld + j, n - j),
                              vec_load_upto(b + m * ld + j, n - j), sum);
            total = vec_add(total, sum);
        }
        vec_store_upto(out + j, total, n - j);
    }
}

static void inverse_roots(real *out, const real *variance, size_t n, real epsilon)
{
    for (size_t j = 0; j < n; j += VEC_LANES) {
        vec v = vec_add(vec_load_upto(variance + j, n - j), vec_set(epsilon));
        vec_store_upto(out + j, vec_div(vec_set(1), vec_sqrt(v)), n - j);
    }
}

/* ---- group by group ------------------------------------------------------------ */

/* p[j ...], or `none` where p is NULL. */
VEC_INLINE vec load_or(const real *p, size_t j, size_t n, real none)
{
    return p ? vec_load_upto(p + j, n - j) : vec_set(none);
}

/* What shifts and scales a group of c columns; z may hold differences meanwhile. */
VEC_INLINE real group_inverse(nn_kind kind, real *z, const real *x, size_t c,
                              real epsilon)
{
    if (kind == NN_KIND_layer_normalization) {
        vec mean = vec_set(row_sum(x, c) / (real)c);
        for (size_t j = 0; j < c; j += VEC_LANES)
            vec_store_upto(z + j, vec_sub(vec_load_upto(x + j, c - j), mean), c - j);
        x = z;
    }
    real sum = row_dot(x, x, c), size;
    if (kind == NN_KIND_unit_normalization)
        // NaN stays.
        size = sum < epsilon ? epsilon : sum;
    else
        size = sum / (real)c + epsilon;
    real root = NN_REAL_IS_F32 ? (real)__builtin_sqrtf((float)size)
                               : (real)__builtin_sqrt((double)size);
    return 1 / root;
}

VEC_INLINE void norm_group(nn_kind kind, real *z, real *h, real *inverse, const real *x,
                           const struct nn_norm *norm)
{
    const size_t c = norm->columns;
    const int by_batch = kind == NN_KIND_batch_normalization;
    const real *from = kind == NN_KIND_layer_normalization ? z : x;
    vec scale = vec_set(1);
    if (kind != NN_KIND_prelu && !by_batch) {
        real own = group_inverse(kind, z, x, c, norm->epsilon);
        if (inverse) *inverse = own;
        scale = vec_set(own);
    }
    for (size_t j = 0; j < c; j += VEC_LANES) {
        vec in = vec_load_upto(from + j, c - j), base = load_or(norm->beta, j, c, 0);
        if (by_batch) {
            in = vec_sub(in, vec_load_upto(norm->mean + j, c - j));
            scale = vec_load_upto(norm->inverse + j, c - j);
        }
        vec own = vec_mul(in, scale);
        if (kind == NN_KIND_prelu) {
            own = vec_min(vec_zero(), in);
            base = vec_max(vec_zero(), in);
        }
        vec out = own;
        if (norm->gamma)
            out = vec_fma(own, vec_load_upto(norm->gamma + j, c - j), base);
        else if (norm->beta)
            out = vec_add(own, base);
        vec_store_upto(z + j, out, c - j);
        if (h) vec_store_upto(h + j, own, c - j);
    }
}

VEC_INLINE void norm_rows(nn_kind kind, real *z, real *h, real *inverse,
                          const real *const *rows, size_t m, const struct nn_norm *norm)
{
    const size_t c = norm->columns;
    for (size_t i = 0; i < m; i++)
        for (size_t g = 0; g < norm->groups; g++) {
            norm_group(kind, z, h, inverse, rows[i] + g * c, norm);
            z += c;
            if (h) h += c;
            if (inverse) inverse++;
        }
}

VEC_INLINE void slope_group(nn_kind kind, real *dx, const real *d, const real *h,
                            const real *inverse, const real *x,
                            const struct nn_norm *norm)
{
    const size_t c = norm->columns;
    vec scale = vec_set(1), mean = vec_zero(), lean = vec_zero();
    if (kind != NN_KIND_prelu && kind != NN_KIND_batch_normalization) {
        for (size_t j = 0; j < c; j += VEC_LANES) {
            vec e = vec_mul(vec_load_upto(d + j, c - j), load_or(norm->gamma, j, c, 1));
            vec_store_upto(dx + j, e, c - j);
        }
        real share = kind == NN_KIND_unit_normalization ? 1 : (real)c;
        if (kind == NN_KIND_layer_normalization) mean = vec_set(row_sum(dx, c) / share);
        // Where epsilon was the larger the size does not depend on x.
        real widest =
            1 / (NN_REAL_IS_F32 ? (real)__builtin_sqrtf((float)norm->epsilon)
                                : (real)__builtin_sqrt((double)norm->epsilon));
        if (kind != NN_KIND_unit_normalization || !(*inverse >= widest))
            lean = vec_set(row_dot(dx, h, c) / share);
        scale = vec_set(*inverse);
        d = dx;
    }
    for (size_t j = 0; j < c; j += VEC_LANES) {
        vec e = vec_load_upto(d + j, c - j), own;
        if (kind == NN_KIND_prelu) {
            vec in = vec_load_upto(x + j, c - j);
            vec slope = vec_select(vec_gt(in, vec_zero()), vec_set(1),
                                   load_or(norm->gamma, j, c, 0));
            slope = vec_select(vec_eq(in, vec_zero()), vec_zero(), slope);
            own = vec_mul(e, vec_select(vec_is_nan(in), in, slope));
        } else if (kind == NN_KIND_batch_normalization) {
            if (norm->sum_d) {
                vec share = vec_set(norm->share);
                vec shift = vec_mul(vec_load_upto(norm->sum_d + j, c - j), share);
                vec bend = vec_mul(vec_load_upto(norm->sum_dh + j, c - j), share);
                e = vec_fnma(vec_load_upto(h + j, c - j), bend, vec_sub(e, shift));
            }
            scale = vec_mul(vec_load_upto(norm->inverse + j, c - j),
                            load_or(norm->gamma, j, c, 1));
            own = vec_mul(e, scale);
        } else {
            e = vec_fnma(vec_load_upto(h + j, c - j), lean, vec_sub(e, mean));
            own = vec_mul(e, scale);
        }
        vec_store_upto(dx + j, vec_flush_gradient(own), c - j);
    }
}

VEC_INLINE void slope_rows(nn_kind kind, real *dx, const real *d, const real *h,
                           const real *inverse, const real *const *rows, size_t m,
                           const struct nn_norm *norm)
{
    const size_t c = norm->columns;
    for (size_t i = 0; i < m; i++)
        for (size_t g = 0; g < norm->groups; g++) {
            slope_group(kind, dx, d, h, inverse, rows[i] + g * c, norm);
            dx += c, d += c, h += c, inverse++;
        }
}

#define NORMS(X, ...)                                                                  \
    switch (norm->kind) {                                                              \
    case NN_KIND_batch_normalization:                                                  \
        X(NN_KIND_batch_normalization, __VA_ARGS__);                                   \
        break;                                                                         \
    case NN_KIND_layer_normalization:                                                  \
        X(NN_KIND_layer_normalization, __VA_ARGS__);                                   \
        break;                                                                         \
    case NN_KIND_rms_normalization:                                                    \
        X(NN_KIND_rms_normalization, __VA_ARGS__);                                     \
        break;                                                                         \
    case NN_KIND_unit_normalization:                                                   \
        X(NN_KIND_unit_normalization, __VA_ARGS__);                                    \
        break;                                                                         \
    default:                                                                           \
        X(NN_KIND_prelu, __VA_ARGS__);                                                 \
    }

static void norm_forward(real *z, real *h, real *inverse, const real *const *rows,
                         size_t m, const struct nn_norm *norm)
{
    NORMS(norm_rows, z, h, inverse, rows, m, norm)
}

static void norm_backward(real *dx, const real *d, const real *h, const real *inverse,
                          const real *const *rows, size_t m, const struct nn_norm *norm)
{
    NORMS(slope_rows, dx, d, h, inverse, rows, m, norm)
}

/* ---- penalties of outputs ------------------------------------------------------ */

static void add_activity(real *value, const real *y, size_t rows, size_t cols, real l1,
                         real l2)
{
    for (size_t i = 0; i < rows; i++, y += cols) {
        vec lane[VEC_ROW];
        row_start(lane, 0);
        for (size_t j = 0; j < cols; j += NN_ROW_LANES)
            for (size_t v = 0; v < VEC_ROW; v++)
                lane[v] = vec_add(lane[v], vec_abs(row_load(y + j, cols - j, v)));
        if (l1 != 0) value[i] += l1 * row_join_sum(lane);
        if (l2 != 0) value[i] += l2 * row_dot(y, y, cols);
    }
}
