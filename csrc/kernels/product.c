/* product.c: the dense products, as register tiles over one panel of columns.

   A tile keeps MR x NV vectors of the result in registers while it walks the contracted
   index: one load of NV vectors of b and MR broadcasts of a feed MR NV multiply-adds.
   Lanes run along columns, so every result is one chain of fused multiply-adds in index
   order whatever the tile, and edges need no padding: rows by smaller MR, columns by a
   last vector of `tail` lanes. Shapes per register file: 32 registers carry 6 x 4
   accumulators, 16 carry 6 x 2; a single column of vectors takes 8 rows, enough chains
   to hide the latency of two multiply-add units. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

#if defined(__AVX512F__) || defined(__aarch64__)
#define TILE_VECS 4
#else
#define TILE_VECS 2
#endif
#if defined(__aarch64__)
#define TILE_ROWS 4 /* GCC spills a 6 x 4 tile here */
#else
#define TILE_ROWS 6
#endif
#define TILE_ROWS_NARROW 8

#define UNROLL _Pragma("GCC unroll 8")

/* What a tile walks: result rows i, vectors v of columns, contracted index k.
   product:  left(i, k) = rows[i][offset + k], right(k) = b + k ldb
   gradient: left(i, k) = rows[k][offset + i], right(k) = b + k ldb */
struct operands {
    const real *const *rows;
    size_t offset;
    const real *b;
    size_t ldb;
    size_t depth;
};

typedef void tile_fn(real *c, size_t ldc, const struct operands *in, const real *bias,
                     int adds, size_t tail);

/* One block of the contracted index: c = (bias or 0) + chain, or c += chain. */
VEC_INLINE void tile(const unsigned mr, const unsigned nv, const int transposed,
                     real *c, size_t ldc, const struct operands *in, const real *bias,
                     int adds, size_t tail)
{
    vec acc[TILE_ROWS_NARROW][TILE_VECS];
    const real *row[TILE_ROWS_NARROW];
    const real *b = in->b;
    const size_t ldb = in->ldb, depth = in->depth, offset = in->offset;
    const real *const *rows = in->rows;

    UNROLL for (unsigned v = 0; v < nv; v++)
    {
        size_t lanes = v + 1 == nv ? tail : VEC_LANES;
        vec start = bias ? vec_load_upto(bias + v * VEC_LANES, lanes) : vec_zero();
        UNROLL for (unsigned i = 0; i < mr; i++) acc[i][v] = start;
    }
    if (!transposed) {
        UNROLL for (unsigned i = 0; i < mr; i++) row[i] = rows[i] + offset;
    }
    if (tail == VEC_LANES) {
        for (size_t k = 0; k < depth; k++) {
            vec right[TILE_VECS];
            const real *x = transposed ? rows[k] + offset : NULL;
            UNROLL for (unsigned v = 0; v < nv; v++) right[v] =
                vec_load(b + k * ldb + v * VEC_LANES);
            UNROLL for (unsigned i = 0; i < mr; i++)
            {
                vec left = vec_set(transposed ? x[i] : row[i][k]);
                UNROLL for (unsigned v = 0; v < nv; v++) acc[i][v] =
                    vec_fma(left, right[v], acc[i][v]);
            }
        }
    } else {
        for (size_t k = 0; k < depth; k++) {
            vec right[TILE_VECS];
            const real *x = transposed ? rows[k] + offset : NULL;
            UNROLL for (unsigned v = 0; v + 1 < nv; v++) right[v] =
                vec_load(b + k * ldb + v * VEC_LANES);
            right[nv - 1] = vec_load_n(b + k * ldb + (nv - 1) * VEC_LANES, tail);
            UNROLL for (unsigned i = 0; i < mr; i++)
            {
                vec left = vec_set(transposed ? x[i] : row[i][k]);
                UNROLL for (unsigned v = 0; v < nv; v++) acc[i][v] =
                    vec_fma(left, right[v], acc[i][v]);
            }
        }
    }
    UNROLL for (unsigned i = 0; i < mr; i++)
    {
        UNROLL for (unsigned v = 0; v < nv; v++)
        {
            size_t lanes = v + 1 == nv ? tail : VEC_LANES;
            real *out = c + i * ldc + v * VEC_LANES;
            vec sum = adds ? vec_add(vec_load_upto(out, lanes), acc[i][v]) : acc[i][v];
            vec_store_upto(out, sum, lanes);
        }
    }
}

#define TILE(mr, nv)                                                                   \
    static void product_##mr##x##nv(real *c, size_t ldc, const struct operands *in,    \
                                    const real *bias, int adds, size_t tail)           \
    {                                                                                  \
        tile(mr, nv, 0, c, ldc, in, bias, adds, tail);                                 \
    }                                                                                  \
    static void gradient_##mr##x##nv(real *c, size_t ldc, const struct operands *in,   \
                                     const real *bias, int adds, size_t tail)          \
    {                                                                                  \
        tile(mr, nv, 1, c, ldc, in, bias, adds, tail);                                 \
    }

/* clang-format off */
#define TILES_OF(nv) TILE(1, nv) TILE(2, nv) TILE(3, nv) TILE(4, nv)
TILES_OF(1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1)
TILES_OF(2)
#define LIST4(what, nv) what##_1x##nv, what##_2x##nv, what##_3x##nv, what##_4x##nv
#define LIST_NARROW(what) {LIST4(what, 1), what##_5x1, what##_6x1, what##_7x1, what##_8x1}
#if TILE_ROWS == 6
TILE(5, 2) TILE(6, 2)
#define LIST(what, nv) {LIST4(what, nv), what##_5x##nv, what##_6x##nv}
#else
#define LIST(what, nv) {LIST4(what, nv)}
#endif
#if TILE_VECS == 4
TILES_OF(3) TILES_OF(4)
#if TILE_ROWS == 6
TILE(5, 3) TILE(6, 3) TILE(5, 4) TILE(6, 4)
#endif
#define LISTS(what) {LIST_NARROW(what), LIST(what, 2), LIST(what, 3), LIST(what, 4)}
#else
#define LISTS(what) {LIST_NARROW(what), LIST(what, 2)}
#endif
    /* clang-format on */

    static tile_fn *const product_tiles[TILE_VECS][TILE_ROWS_NARROW] = LISTS(product);
static tile_fn *const gradient_tiles[TILE_VECS][TILE_ROWS_NARROW] = LISTS(gradient);

/* Cover m rows x n columns with tiles, rows split evenly (10 into 5 + 5, not 6 + 4),
   and walk the contracted index in blocks of NN_CHAIN. `in` holds depth and offset of
   the whole product; transposed says which of them a row or a block advances. */
static void cover(tile_fn *const tiles[TILE_VECS][TILE_ROWS_NARROW], int transposed,
                  real *c, size_t ldc, const struct operands *in, const real *bias,
                  size_t m, size_t n)
{
    for (size_t k = 0; k == 0 || k < in->depth; k += NN_CHAIN) {
        struct operands part = *in;
        part.depth = in->depth - k < NN_CHAIN ? in->depth - k : NN_CHAIN;
        part.b += k * in->ldb;
        for (size_t j = 0; j < n;) {
            size_t left = n - j, vecs = (left + VEC_LANES - 1) / VEC_LANES;
            size_t nv = vecs < TILE_VECS ? vecs : TILE_VECS;
            size_t width = left < nv * VEC_LANES ? left : nv * VEC_LANES;
            size_t tail = width - (nv - 1) * VEC_LANES;
            size_t most = nv == 1 ? TILE_ROWS_NARROW : TILE_ROWS;
            // One division, and none for a small product: it would be half the time.
            size_t groups = m <= most ? 1
                            : nv == 1 ? (m + TILE_ROWS_NARROW - 1) / TILE_ROWS_NARROW
                                      : (m + TILE_ROWS - 1) / TILE_ROWS;
            size_t least = groups == 1 ? m : m / groups, longer = m - least * groups;
            for (size_t g = 0, i = 0; i < m; g++) {
                size_t rows = least + (g < longer);
                if (transposed) {
                    part.rows = in->rows + k;
                    part.offset = in->offset + i;
                } else {
                    part.rows = in->rows + i;
                    part.offset = in->offset + k;
                }
                tiles[nv - 1][rows - 1](c + i * ldc + j, ldc, &part,
                                        bias && k == 0 ? bias + j : NULL, k > 0, tail);
                i += rows;
            }
            part.b += width;
            j += width;
        }
    }
}

static void product(real *c, size_t ldc, const real *const *a, const real *b,
                    const real *bias, size_t m, size_t n, size_t depth)
{
    struct operands in = {a, 0, b, n, depth};
    cover(product_tiles, 0, c, ldc, &in, bias, m, n);
}

static void gradient(real *dw, const real *const *x, size_t first, const real *d,
                     size_t ldd, size_t rows, size_t n, size_t depth)
{
    struct operands in = {x, first, d, ldd, depth};
    cover(gradient_tiles, 1, dw, n, &in, NULL, rows, n);
}
