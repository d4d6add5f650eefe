/* product.c: the dense products, as register tiles over one panel of columns.

   A tile keeps MR x NV vectors of the result in registers while it walks the contracted
   index: one load of NV vectors of b and MR broadcasts of a feed MR NV multiply-adds.
   Lanes run along columns, so every result is one chain of fused multiply-adds in index
   order whatever the tile, and edges need no padding: rows by smaller MR, columns by a
   last vector of `tail` lanes. Shapes per register file: 32 registers carry 6 x 4
   accumulators, 16 carry 6 x 2. Eight chains hide the latency of two multiply-add
   units: a single column of vectors takes 8 rows, one row 8 vectors, two rows 4. */
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
#define TILE_VECS_FLAT 8

/* What a tile walks: result rows i, vectors v of columns, contracted index k.
   product:  left(i, k) = rows[i][offset + k], right(k) = b + k ldb
   gradient: left(i, k) = rows[k][offset + i], right(k) = b + k ldb */
struct operands {
    const real *const *rows;
    size_t offset;
    const real *b;
    size_t ldb;
    size_t depth;
    const char *ahead; /* fetched meanwhile, `pace` bytes with every k */
    size_t pace;
};

/* One k: acc[i][v] += left(i) b[v]; the last vector of b has `tail` lanes. */
VEC_INLINE void tile_step(const unsigned mr, const unsigned nv, const int transposed,
                          vec acc[TILE_ROWS_NARROW][TILE_VECS_FLAT],
                          const real *const *row, const real *x, size_t k,
                          const real *b, size_t tail)
{
    vec right[TILE_VECS_FLAT];
    // No load of a later k comes earlier: registers would not suffice.
    __asm__ volatile("" ::: "memory");
    UNROLL for (unsigned v = 0; v + 1 < nv; v++) right[v] = vec_load(b + v * VEC_LANES);
    right[nv - 1] = vec_load_upto(b + (nv - 1) * VEC_LANES, tail);
    UNROLL for (unsigned i = 0; i < mr; i++)
    {
        vec left = vec_set(transposed ? x[i] : row[i][k]);
        UNROLL for (unsigned v = 0; v < nv; v++) acc[i][v] =
            vec_fma(left, right[v], acc[i][v]);
    }
}

/* One block of the contracted index: c = (bias or 0) + chain, or c += chain. Scalar
   instructions compete with multiply-adds for ports: where registers suffice, the
   widest tiles take two k in one turn of the loop. */
VEC_INLINE void tile(const unsigned mr, const unsigned nv, const int transposed,
                     real *c, size_t ldc, const struct operands *in, const real *bias,
                     int adds, size_t tail)
{
    vec acc[TILE_ROWS_NARROW][TILE_VECS_FLAT];
    const real *row[TILE_ROWS_NARROW];
    const real *b = in->b;
    const char *ahead = in->ahead;
    const size_t ldb = in->ldb, depth = in->depth, offset = in->offset;
    const size_t pace = in->pace;
    const real *const *rows = in->rows;
    size_t k = 0;

    UNROLL for (unsigned v = 0; v < nv; v++)
    {
        size_t lanes = v + 1 == nv ? tail : VEC_LANES;
        vec start = bias ? vec_load_upto(bias + v * VEC_LANES, lanes) : vec_zero();
        UNROLL for (unsigned i = 0; i < mr; i++) acc[i][v] = start;
    }
    if (!transposed) {
        UNROLL for (unsigned i = 0; i < mr; i++) row[i] = rows[i] + offset;
    }
#define STEP(x, k, b, tail) tile_step(mr, nv, transposed, acc, row, x, k, b, tail)
    if (nv == 4 && !transposed && tail == VEC_LANES) {
        if (mr == TILE_ROWS && pace)
            for (; k + 2 <= depth; k += 2, b += 2 * ldb, ahead += 2 * pace) {
                __builtin_prefetch(ahead, 0, 2);
                STEP(NULL, k, b, VEC_LANES);
                STEP(NULL, k + 1, b + ldb, VEC_LANES);
            }
        else
            for (; k + 2 <= depth; k += 2, b += 2 * ldb) {
                STEP(NULL, k, b, VEC_LANES);
                STEP(NULL, k + 1, b + ldb, VEC_LANES);
            }
    }
    if (tail == VEC_LANES)
        for (; k < depth; k++, b += ldb)
            STEP(transposed ? rows[k] + offset : NULL, k, b, VEC_LANES);
    else
        for (; k < depth; k++, b += ldb)
            STEP(transposed ? rows[k] + offset : NULL, k, b, tail);
#undef STEP
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

/* Rows of the next tile where `left` are left: 10 becomes 5 + 5, not 8 + 2. */
VEC_INLINE size_t tile_rows(size_t left, size_t most)
{
    return left <= most ? left : left < 2 * most ? (left + 1) / 2 : most;
}

/* m rows of tiles, nv vectors wide: one function each, so that a small product is not
   mostly calls. */
typedef void band_fn(real *c, size_t ldc, const struct operands *in, const real *bias,
                     int adds, size_t m, size_t tail);

#define TILE(mr)                                                                       \
    case mr:                                                                           \
        if (mr <= most) tile(mr, nv, transposed, c, ldc, &part, bias, adds, tail);     \
        break;
VEC_INLINE void band(const unsigned nv, const int transposed, real *c, size_t ldc,
                     const struct operands *in, const real *bias, int adds, size_t m,
                     size_t tail)
{
    const size_t most = nv == 1 ? TILE_ROWS_NARROW : TILE_ROWS;
    struct operands part = *in;
    for (size_t rows; m; m -= rows) {
        rows = tile_rows(m, most);
        switch (rows) {
            TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8)
        }
        c += rows * ldc;
        part.ahead += part.depth * part.pace;
        if (transposed)
            part.offset += rows;
        else
            part.rows += rows;
    }
}

#define BAND(nv)                                                                       \
    static void product_##nv(real *c, size_t ldc, const struct operands *in,           \
                             const real *bias, int adds, size_t m, size_t tail)        \
    {                                                                                  \
        band(nv, 0, c, ldc, in, bias, adds, m, tail);                                  \
    }                                                                                  \
    static void gradient_##nv(real *c, size_t ldc, const struct operands *in,          \
                              const real *bias, int adds, size_t m, size_t tail)       \
    {                                                                                  \
        band(nv, 1, c, ldc, in, bias, adds, m, tail);                                  \
    }
BAND(1)
BAND(2)
#if TILE_VECS == 4
BAND(3)
BAND(4)
#define BANDS(what)                                                                    \
    {                                                                                  \
        what##_1, what##_2, what##_3, what##_4                                         \
    }
#else
#define BANDS(what)                                                                    \
    {                                                                                  \
        what##_1, what##_2                                                             \
    }
#endif
static band_fn *const product_bands[TILE_VECS] = BANDS(product);
static band_fn *const gradient_bands[TILE_VECS] = BANDS(gradient);

/* One or two rows, whose time is that of reading b: more of each of its rows at once
   than TILE_VECS. */
#define FLAT(m)                                                                        \
    static void product_flat_##m(real *c, size_t ldc, const struct operands *in,       \
                                 const real *bias, int adds, size_t rows, size_t tail) \
    {                                                                                  \
        (void)rows;                                                                    \
        tile(m, TILE_VECS_FLAT / m, 0, c, ldc, in, bias, adds, tail);                  \
    }
FLAT(1)
#if TILE_VECS == 2
#define FLAT_ROWS 2
FLAT(2)
static band_fn *const flat_bands[FLAT_ROWS] = {product_flat_1, product_flat_2};
#else
#define FLAT_ROWS 1
static band_fn *const flat_bands[FLAT_ROWS] = {product_flat_1};
#endif

/* Cover m rows x n columns with bands, and walk the contracted index in blocks of
   NN_CHAIN. `in` holds depth and offset of the whole product, which adds to c if
   `adds`. */
VEC_INLINE void cover(band_fn *const bands[TILE_VECS], const int transposed, real *c,
                      size_t ldc, const struct operands *in, const real *bias, int adds,
                      size_t m, size_t n)
{
    for (size_t k = 0; k == 0 || k < in->depth; k += NN_CHAIN) {
        struct operands part = *in;
        part.depth = in->depth - k < NN_CHAIN ? in->depth - k : NN_CHAIN;
        part.b += k * in->ldb;
        if (transposed)
            part.rows += k;
        else
            part.offset += k;
        int is_flat = !transposed && m && m <= FLAT_ROWS;
        for (size_t j = 0, width; j < n; j += width) {
            size_t left = n - j, nv = TILE_VECS, tail = VEC_LANES;
            band_fn *run = NULL;
            if (is_flat && left >= TILE_VECS_FLAT / m * VEC_LANES) {
                nv = TILE_VECS_FLAT / m;
                run = flat_bands[m - 1];
            } else if (left < TILE_VECS * VEC_LANES) {
                nv = (left + VEC_LANES - 1) / VEC_LANES;
                tail = left - (nv - 1) * VEC_LANES;
            }
            if (!run) run = bands[nv - 1];
            run(c + j, ldc, &part, bias && !adds ? bias + j : NULL, adds, m, tail);
            width = nv * VEC_LANES;
            part.b += width;
            part.pace = 0;
        }
        adds = 1;
    }
}

static void product(const struct nn_product *p)
{
    struct operands in = {p->a, p->first, p->b, p->n, p->depth, (const char *)p->b, 0};
    if (p->ahead && p->depth) {
        size_t tiles = (p->m + TILE_ROWS - 1) / TILE_ROWS;
        in.ahead = p->ahead;
        in.pace = p->ahead_bytes / (tiles * p->depth) + 1;
    }
    cover(product_bands, 0, p->c, p->ldc, &in, p->bias, p->adds, p->m, p->n);
}

static void gradient(real *dw, const real *const *x, size_t first, const real *d,
                     size_t ldd, size_t rows, size_t n, size_t depth)
{
    struct operands in = {x, first, d, ldd, depth, NULL, 0};
    cover(gradient_bands, 1, dw, n, &in, NULL, 0, rows, n);
}
