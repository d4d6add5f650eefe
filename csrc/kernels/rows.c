/* rows.c: reductions along a row, in one order on every ISA.

   A row is cut into blocks of NN_ROW_LANES elements; element i of each block belongs to
   lane i, which starts at +0 (-inf for the maximum). Lanes are joined by halves: lane i
   takes in lane i + 8, then i + 4, i + 2, i + 1. The last block is filled up with what
   the lanes started from.

   Rows may also lie side by side: element j of rows i, i + 1, ... at x[j ld + i], whole
   vectors of rows. The side_ functions reduce VEC_LANES such rows at once, to the same
   bits: vector l of an array of NN_ROW_LANES is lane l of all of them. */
#include "kernels/simd/simd.h"

#define ROW_INLINE static inline __attribute__((unused))

/* Vector v of a block of which n elements exist, the first at x; +0 past them. */
VEC_INLINE vec row_load(const real *x, size_t n, size_t v)
{
    size_t first = v * VEC_LANES;
    return n > first ? vec_load_upto(x + first, n - first) : vec_zero();
}

/* a where the element exists, else b. */
VEC_INLINE vec row_select(size_t n, size_t v, vec a, vec b)
{
    static const real index[NN_ROW_LANES] = {0, 1, 2,  3,  4,  5,  6,  7,
                                             8, 9, 10, 11, 12, 13, 14, 15};
    if (n >= NN_ROW_LANES) return a;
    return vec_select(vec_lt(vec_load(index + v * VEC_LANES), vec_set((real)n)), a, b);
}

VEC_INLINE real row_join_sum(vec lane[VEC_ROW])
{
    real part[VEC_LANES];
    for (size_t half = VEC_ROW / 2; half; half /= 2)
        for (size_t v = 0; v < half; v++)
            lane[v] = vec_add(lane[v], lane[v + half]);
    vec_store(part, lane[0]);
    for (size_t half = VEC_LANES / 2; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            part[i] += part[i + half];
    return part[0];
}

VEC_INLINE real row_join_max(vec lane[VEC_ROW])
{
    real part[VEC_LANES];
    for (size_t half = VEC_ROW / 2; half; half /= 2)
        for (size_t v = 0; v < half; v++)
            lane[v] = vec_max(lane[v], lane[v + half]);
    vec_store(part, lane[0]);
    for (size_t half = VEC_LANES / 2; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            part[i] = part[i] > part[i + half] ? part[i] : part[i + half];
    return part[0];
}

VEC_INLINE void row_start(vec lane[VEC_ROW], real from)
{
    for (size_t v = 0; v < VEC_ROW; v++)
        lane[v] = vec_set(from);
}

/* One block, of which n elements exist: the body of the function named. */
VEC_INLINE void row_sum_block(vec lane[VEC_ROW], const real *x, size_t n)
{
    for (size_t v = 0; v < VEC_ROW; v++)
        lane[v] = vec_add(lane[v], row_load(x, n, v));
}
VEC_INLINE void row_dot_block(vec lane[VEC_ROW], const real *a, const real *b, size_t n)
{
    // Lanes past the end take part: fma(0, 0, -0) is +0, so it must be so on every ISA.
    for (size_t v = 0; v < VEC_ROW; v++)
        lane[v] = vec_fma(row_load(a, n, v), row_load(b, n, v), lane[v]);
}
VEC_INLINE mask row_max_block(vec lane[VEC_ROW], const real *x, size_t n, mask is_nan)
{
    for (size_t v = 0; v < VEC_ROW; v++) {
        vec in = row_select(n, v, row_load(x, n, v), vec_set(-INFINITY));
        is_nan = mask_or(is_nan, vec_is_nan(in));
        lane[v] = vec_max(lane[v], in);
    }
    return is_nan;
}
VEC_INLINE void row_sum_exp_block(vec lane[VEC_ROW], const real *x, size_t n,
                                  real shift)
{
    for (size_t v = 0; v < VEC_ROW; v++) {
        vec e = vec_exp_share(vec_sub(row_load(x, n, v), vec_set(shift)));
        lane[v] = vec_add(lane[v], row_select(n, v, e, vec_zero()));
    }
}

/* sum_i x[i], i < n */
ROW_INLINE real row_sum(const real *x, size_t n)
{
    vec lane[VEC_ROW];
    row_start(lane, 0);
    for (; n >= NN_ROW_LANES; x += NN_ROW_LANES, n -= NN_ROW_LANES)
        row_sum_block(lane, x, NN_ROW_LANES);
    if (n) row_sum_block(lane, x, n);
    return row_join_sum(lane);
}

/* sum_i a[i] b[i], i < n; each product is fused into its lane's sum. */
ROW_INLINE real row_dot(const real *a, const real *b, size_t n)
{
    vec lane[VEC_ROW];
    row_start(lane, 0);
    for (; n >= NN_ROW_LANES; a += NN_ROW_LANES, b += NN_ROW_LANES, n -= NN_ROW_LANES)
        row_dot_block(lane, a, b, NN_ROW_LANES);
    if (n) row_dot_block(lane, a, b, n);
    return row_join_sum(lane);
}

/* max_i x[i], i < n; NaN if any element is; never -0; -inf for n = 0. */
ROW_INLINE real row_max(const real *x, size_t n)
{
    vec lane[VEC_ROW];
    mask is_nan = vec_is_nan(vec_zero());
    row_start(lane, -INFINITY);
    for (; n >= NN_ROW_LANES; x += NN_ROW_LANES, n -= NN_ROW_LANES)
        is_nan = row_max_block(lane, x, NN_ROW_LANES, is_nan);
    if (n) is_nan = row_max_block(lane, x, n, is_nan);
    // Adding +0 turns -0 into +0: which zero is the larger would depend on the order.
    return mask_any(is_nan) ? (real)NAN : row_join_max(lane) + 0;
}

/* sum_i e^(x[i] - shift), i < n; shift: the largest element, against overflow. */
ROW_INLINE real row_sum_exp(const real *x, size_t n, real shift)
{
    vec lane[VEC_ROW];
    row_start(lane, 0);
    for (; n >= NN_ROW_LANES; x += NN_ROW_LANES, n -= NN_ROW_LANES)
        row_sum_exp_block(lane, x, NN_ROW_LANES, shift);
    if (n) row_sum_exp_block(lane, x, n, shift);
    return row_join_sum(lane);
}

/* ---- Rows side by side ---------------------------------------------------------- */

/* The most columns of a short row: such rows are worth bringing side by side. */
#define SHORT_ROW 32

/* x[j][l] = in[l][j] for m <= VEC_LANES rows l; +0 in the lanes past them. */
ONE_COPY void rows_to_side(real *x, const real *in, size_t ldi, size_t m, size_t cols)
{
    size_t j = 0;
    if (m == VEC_LANES)
        for (; j + 4 <= cols; j += 4)
            vec_columns(x + j * VEC_LANES, VEC_LANES, in + j, ldi);
    for (; j < cols; j++)
        for (size_t l = 0; l < VEC_LANES; l++)
            x[j * VEC_LANES + l] = l < m ? in[l * ldi + j] : 0;
}

/* out[l][j] = x[j][l] */
VEC_INLINE void side_to_rows(real *out, const real *x, size_t m, size_t cols)
{
    for (size_t l = 0; l < m; l++)
        for (size_t j = 0; j < cols; j++)
            out[l * cols + j] = x[j * VEC_LANES + l];
}

/* The lanes that rows of n columns use, from +0. */
VEC_INLINE void side_start(vec lane[NN_ROW_LANES], size_t n)
{
    for (size_t l = 0; l < NN_ROW_LANES && l < n; l++)
        lane[l] = vec_zero();
}

/* The lanes of rows of n columns, joined. Lanes past n hold the +0 that they started
   from; all that they could do is to make -0, the sum of nothing but such, +0. */
VEC_INLINE vec side_join_sum(vec lane[NN_ROW_LANES], size_t n)
{
    for (size_t half = NN_ROW_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half && l + half < n; l++)
            lane[l] = vec_add(lane[l], lane[l + half]);
    return n % NN_ROW_LANES ? vec_add(lane[0], vec_zero()) : lane[0];
}

/* sum_j x[j], j < n */
VEC_INLINE vec side_sum(const real *x, size_t ld, size_t n)
{
    vec lane[NN_ROW_LANES];
    side_start(lane, n);
    for (size_t j = 0; j < n; j++)
        lane[j % NN_ROW_LANES] = vec_add(lane[j % NN_ROW_LANES], vec_load(x + j * ld));
    return side_join_sum(lane, n);
}

/* sum_j a[j] b[j], j < n, fused as in row_dot */
VEC_INLINE vec side_dot(const real *a, const real *b, size_t ld, size_t n)
{
    vec lane[NN_ROW_LANES];
    side_start(lane, n);
    for (size_t j = 0; j < n; j++) {
        size_t l = j % NN_ROW_LANES;
        lane[l] = vec_fma(vec_load(a + j * ld), vec_load(b + j * ld), lane[l]);
    }
    return side_join_sum(lane, n);
}

/* max_j x[j], j < n; never -0. Where an element is NaN it is NaN or another one. */
VEC_INLINE vec side_max(const real *x, size_t ld, size_t n)
{
    vec top = vec_set(-INFINITY);
    for (size_t j = 0; j < n; j++)
        top = vec_max(top, vec_load(x + j * ld));
    return vec_add(top, vec_zero());
}
