/* reduce.c: passes over whole arrays without a formula of their own: column sums (bias
   gradients), sums over everything (norms, penalties), row sums, the transpose, the
   gradient of a penalty.

   Orders of summation are part of the result (docs/design.md, canonical arithmetic). */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* ---- Column sums --------------------------------------------------------------- */

/* nv vectors of columns; the chains of several vectors hide an addition's latency. */
VEC_INLINE void column_chains(const unsigned nv, real *out, const real *d, size_t ldd,
                              size_t depth, size_t lanes)
{
    vec total[8];
    for (unsigned v = 0; v < nv; v++)
        total[v] = vec_zero();
    for (size_t k = 0; k < depth; k += NN_CHAIN) {
        size_t end = depth - k < NN_CHAIN ? depth : k + NN_CHAIN;
        vec sum[8];
        for (unsigned v = 0; v < nv; v++)
            sum[v] = vec_zero();
        for (size_t m = k; m < end; m++)
            for (unsigned v = 0; v < nv; v++)
                sum[v] =
                    vec_add(sum[v], vec_load_upto(d + m * ldd + v * VEC_LANES, lanes));
        for (unsigned v = 0; v < nv; v++)
            total[v] = vec_add(total[v], sum[v]);
    }
    for (unsigned v = 0; v < nv; v++)
        vec_store_upto(out + v * VEC_LANES, total[v], lanes);
}

static void column_sums(real *out, const real *d, size_t ldd, size_t n, size_t depth)
{
    size_t j = 0;
    for (; j + 8 * VEC_LANES <= n; j += 8 * VEC_LANES)
        column_chains(8, out + j, d + j, ldd, depth, VEC_LANES);
    for (; j + 4 * VEC_LANES <= n; j += 4 * VEC_LANES)
        column_chains(4, out + j, d + j, ldd, depth, VEC_LANES);
    for (; j + VEC_LANES <= n; j += VEC_LANES)
        column_chains(1, out + j, d + j, ldd, depth, VEC_LANES);
    if (j < n) column_chains(1, out + j, d + j, ldd, depth, n - j);
}

/* ---- Sums over everything, in double ------------------------------------------- */

/* sum + x x, rounded once: the square of a float is exact in double. */
VEC_INLINE double add_square(double sum, double x)
{
#if NN_REAL_IS_F32
    return sum + x * x;
#else
    return __builtin_fma(x, x, sum);
#endif
}

VEC_INLINE double add_abs(double sum, double x) { return sum + __builtin_fabs(x); }

VEC_INLINE double join_doubles(double lane[NN_ROW_LANES])
{
#pragma GCC unroll 4
    for (size_t half = NN_ROW_LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

VEC_INLINE double sum_in_lanes(const real *x, size_t n,
                               double (*add)(double sum, double x))
{
    double lane[NN_ROW_LANES] = {0};
    size_t i = 0;
    for (; i + NN_ROW_LANES <= n; i += NN_ROW_LANES)
        for (size_t l = 0; l < NN_ROW_LANES; l++)
            lane[l] = add(lane[l], (double)x[i + l]);
    for (size_t l = 0; i + l < n; l++)
        lane[l] = add(lane[l], (double)x[i + l]);
    return join_doubles(lane);
}

static double sum_abs(const real *x, size_t n) { return sum_in_lanes(x, n, add_abs); }
static double sum_squares(const real *x, size_t n)
{
    return sum_in_lanes(x, n, add_square);
}

/* ---- Sums over rows, in double -------------------------------------------------- */

static double row_total(const struct nn_row_sum *sum)
{
    double lane[NN_ROW_LANES];
    for (size_t l = 0; l < NN_ROW_LANES; l++)
        lane[l] = sum->lanes[l];
    return sum->blocks + join_doubles(lane);
}

/* lanes += values, weighted in double; weights NULL: 1. */
VEC_INLINE void add_lanes(double lanes[NN_ROW_LANES], const real *values,
                          const real *weights)
{
    if (weights)
        for (size_t l = 0; l < NN_ROW_LANES; l++)
            lanes[l] += (double)weights[l] * (double)values[l];
    else
        for (size_t l = 0; l < NN_ROW_LANES; l++)
            lanes[l] += (double)values[l];
}

/* out[at + i] = values[i], i < n; the other lanes are +0. */
VEC_INLINE void place(real out[2 * NN_ROW_LANES], size_t at, const real *values,
                      size_t n)
{
    for (size_t i = 0; i < NN_ROW_LANES; i += VEC_LANES)
        vec_store(out + i, vec_zero());
    for (size_t i = 0; i < n; i += VEC_LANES)
        vec_store(out + at + i, vec_load_upto(values + i, n - i));
}

static void add_rows(struct nn_row_sum *sum, size_t position, const real *values,
                     const real *weights, size_t m)
{
    for (size_t i = 0, n; i < m; i += n, position += n) {
        const real *v = values + i, *w = weights ? weights + i : NULL;
        size_t lane = position % NN_ROW_LANES, left = NN_ROW_LANES - lane;
        real some[2 * NN_ROW_LANES], their[2 * NN_ROW_LANES];
        n = m - i < left ? m - i : left;
        if (n < NN_ROW_LANES) {
            // +0, added to a sum that began with it, changes nothing.
            place(some, lane, v, n);
            v = some;
            if (w) {
                place(their, lane, w, n);
                w = their;
            }
        }
        add_lanes(sum->lanes, v, w);
        if ((position + n) % NN_SUM_BLOCK) continue;
        sum->blocks = row_total(sum);
        for (size_t l = 0; l < NN_ROW_LANES; l++)
            sum->lanes[l] = 0;
    }
}

static int all_finite(const real *values, const real *weights, size_t m)
{
    mask bad = vec_is_nan(vec_zero());
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec v = vec_load_upto(values + i, m - i);
        if (weights) {
            vec w = vec_load_upto(weights + i, m - i);
            // In double a product of two finite floats is finite.
            if (NN_REAL_IS_F32) v = vec_mul(v, vec_zero()), w = vec_mul(w, vec_zero());
            v = NN_REAL_IS_F32 ? vec_add(v, w) : vec_mul(v, w);
        }
        bad = mask_or(bad, vec_is_nan(vec_mul(v, vec_zero())));
    }
    return !mask_any(bad);
}

/* ---- Transpose ----------------------------------------------------------------- */

/* Reads and writes whole cache lines, whatever the length of a vector. */
#define TRANSPOSE_TILE (64 / sizeof(real))

/* out[j][i] = row i of in at j, i < m, j < n, both at most VEC_LANES; row i starts at
   rows[i] + first, or at in + i ldi if rows is NULL. */
VEC_INLINE void transpose_vecs(real *out, size_t ldo, const real *const *rows,
                               size_t first, const real *in, size_t ldi, size_t m,
                               size_t n)
{
    vec row[VEC_LANES];
    if (m * n <= 2 * VEC_LANES) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++)
                out[j * ldo + i] = (rows ? rows[i] + first : in + i * ldi)[j];
        return;
    }
    if (m == VEC_LANES && n == VEC_LANES) {
        _Pragma("GCC unroll 16") for (size_t i = 0; i < VEC_LANES; i++) row[i] =
            vec_load(rows ? rows[i] + first : in + i * ldi);
        vec_transpose(row);
        _Pragma("GCC unroll 16") for (size_t j = 0; j < VEC_LANES; j++)
            vec_store(out + j * ldo, row[j]);
        return;
    }
    for (size_t i = 0; i < VEC_LANES; i++)
        row[i] = i < m ? vec_load_upto(rows ? rows[i] + first : in + i * ldi, n)
                       : vec_zero();
    vec_transpose(row);
    for (size_t j = 0; j < n; j++)
        vec_store_upto(out + j * ldo, row[j], m);
}

VEC_INLINE void transpose_tiles(real *out, size_t ldo, const real *const *rows,
                                size_t first, const real *in, size_t ldi, size_t m,
                                size_t n)
{
    for (size_t begin = 0; begin < m; begin += TRANSPOSE_TILE) {
        size_t end = m - begin < TRANSPOSE_TILE ? m : begin + TRANSPOSE_TILE;
        for (size_t j = 0; j < n; j += VEC_LANES)
            for (size_t i = begin; i < end; i += VEC_LANES)
                transpose_vecs(out + j * ldo + i, ldo, rows ? rows + i : NULL,
                               first + j, in ? in + i * ldi + j : NULL, ldi,
                               end - i < VEC_LANES ? end - i : VEC_LANES,
                               n - j < VEC_LANES ? n - j : VEC_LANES);
    }
}

static void transpose(real *out, size_t ldo, const real *in, size_t ldi, size_t rows,
                      size_t cols)
{
    transpose_tiles(out, ldo, NULL, 0, in, ldi, rows, cols);
}

static void transpose_rows(real *out, size_t ldo, const real *const *in, size_t rows,
                           size_t cols)
{
    transpose_tiles(out, ldo, in, 0, NULL, 0, rows, cols);
}

/* ---- Penalties ----------------------------------------------------------------- */

/* g + l1 sign(w) + l2 w = fma(l2, w, fma(l1, sign(w), g)); sign(0) = 0. */
VEC_INLINE vec penalty_vec(vec g, vec w, vec l1, vec l2)
{
    vec sign =
        vec_select(vec_eq(w, vec_zero()), vec_zero(), vec_copysign(vec_set(1), w));
    return vec_fma(l2, w, vec_fma(l1, sign, g));
}

static void add_penalty(real *g, const real *w, size_t n, real l1, real l2)
{
    for (size_t i = 0; i < n; i += VEC_LANES) {
        vec sum = penalty_vec(vec_load_upto(g + i, n - i), vec_load_upto(w + i, n - i),
                              vec_set(l1), vec_set(l2));
        vec_store_upto(g + i, sum, n - i);
    }
}
