/* narrow.c: outputs of a network of narrow layers. As in tiny.c, whose product serves,
   lanes are rows: numbers lie feature by feature, [columns][lanes], from the input's
   rows, which are turned on the way in, to the output's, turned on the way out. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* x[j][i] = in[i][j], i < m, j < cols; rows of in lie `stride` apart, those of x ld, a
   multiple of VEC_LANES. Writes columns up to the next multiple of four. */
static void bring_rows(real *x, size_t ld, const real *in, ptrdiff_t stride, size_t m,
                       size_t cols)
{
    // Four columns at a time may read past a row, but not past the last one.
    ptrdiff_t end = (ptrdiff_t)(m - 1) * stride + (ptrdiff_t)cols;
    for (size_t i = 0; i < m; i += VEC_LANES) {
        size_t j = 0, n = m - i < VEC_LANES ? m - i : VEC_LANES;
        const real *rows = in + (ptrdiff_t)i * stride;
        ptrdiff_t last = (ptrdiff_t)(i + VEC_LANES - 1) * stride;
        if (n == VEC_LANES && stride > 0)
            for (; j + 4 <= cols || (j < cols && stride == (ptrdiff_t)cols &&
                                     last + (ptrdiff_t)j + 4 <= end);
                 j += 4)
                vec_columns(x + j * ld + i, ld, rows + j, (size_t)stride);
        for (; j < cols; j++)
            for (size_t l = 0; l < n; l++)
                x[j * ld + i + l] = rows[(ptrdiff_t)l * stride + (ptrdiff_t)j];
    }
}

/* out[i][j] = x[j][i], i < m, j < cols */
static void give_rows(real *out, const real *x, size_t ld, size_t m, size_t cols)
{
    for (size_t j = 0; j < cols; j++, x += ld)
        for (size_t i = 0; i < m; i++)
            out[i * cols + j] = x[i];
}

static void narrow_layer(const struct nn_narrow_layer *l, real *z, const real *x,
                         size_t ld)
{
    const struct nn_tiny_op product = {.out = z,
                                       .ldo = ld,
                                       .left = l->w,
                                       .step = l->n_out,
                                       .right = x,
                                       .start = l->bias,
                                       .depth = l->n_in};
    cut_product(NULL, product, forward_tiles, ld == VEC_LANES, l->n_out, ld,
                forward_at);
    if (l->act == NN_ACT_softmax)
        softmax_side(z, z, ld, ld, l->n_out);
    else if (l->act == NN_ACT_log_softmax)
        log_softmax_side(z, z, ld, ld, l->n_out);
    else if (l->act != NN_ACT_linear)
        l->forward(z, z, l->n_out, ld, l->args);
}

static void narrow(real *y, const real *x, ptrdiff_t x_stride, size_t m,
                   const struct nn_narrow_layer *layers, size_t n_layers,
                   real *const scratch[2], size_t most)
{
    const struct nn_narrow_layer *top = layers + n_layers - 1;
    for (size_t n; m; m -= n, y += n * top->n_out, x += (ptrdiff_t)n * x_stride) {
        n = m < most ? m : most;
        size_t ld = (n + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
        real *from = scratch[0], *to = scratch[1];
        bring_rows(from, ld, x, x_stride, n, layers->n_in);
        for (const struct nn_narrow_layer *l = layers; l <= top; l++) {
            narrow_layer(l, to, from, ld);
            real *done = from;
            from = to, to = done;
        }
        give_rows(y, from, ld, n, top->n_out);
    }
}
