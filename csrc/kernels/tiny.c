/* tiny.c: gradients of a network of narrow layers: lanes are rows of the batch.

   Where layers are narrower than a vector, lanes along columns would mostly be empty.
   Here a batch's numbers lie feature by feature, [columns][ld], whole vectors of rows:
   every element of W meets a vector of rows, activations, losses and metrics fill their
   lanes whatever the width, and no transposed W is needed. Only dW contracts over rows:
   for it the deltas of a layer are turned, [rows][columns]. A feature that is always 1
   follows those of each layer, so that db is one more row of dW.

   Lanes past the last row hold numbers that nobody reads. A plan (struct nn_tiny) that
   the engine lays once says where everything is. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* out[i][lane] = start_i + sum_k left(i, k) right[k][lane], i < rows, k < depth <=
   NN_CHAIN. left(i, k) = left[i step + k], or left[k step + i] in a product `across`.
 */
struct side_product {
    real *out;
    size_t ldo, rows, lanes, depth;
    const real *left;
    size_t step;
    const real *right; /* readable to whole vectors */
    size_t ldr;
    const real *start; /* [rows], or NULL: +0 */
    int goes_on;       /* start from out: the chain began in an earlier call */
};

/* Rows i .. i + mr - 1, nv vectors of lanes from j on; the last stores `tail` lanes. */
VEC_INLINE void side_tile(const unsigned mr, const unsigned nv, const int across,
                          const struct side_product *p, size_t i, size_t j, size_t tail)
{
    vec acc[8][4], right[4];
    const real *row[8], *r = p->right + j, *left = p->left + (across ? i : i * p->step);
    real *out = p->out + i * p->ldo + j;
    const size_t step = p->step, ldr = p->ldr, ldo = p->ldo, depth = p->depth;
    for (unsigned a = 0; a < mr; a++) {
        row[a] = left + a * step;
        for (unsigned v = 0; v < nv; v++)
            acc[a][v] = vec_set(p->start ? p->start[i + a] : 0);
    }
    if (p->goes_on)
        for (unsigned a = 0; a < mr; a++)
            for (unsigned v = 0; v < nv; v++)
                acc[a][v] = vec_load_upto(out + a * ldo + v * VEC_LANES,
                                          v + 1 == nv ? tail : VEC_LANES);
    for (size_t k = 0; k < depth; k++, r += ldr) {
        for (unsigned v = 0; v < nv; v++)
            right[v] = vec_load(r + v * VEC_LANES);
        for (unsigned a = 0; a < mr; a++) {
            vec l = vec_set(across ? left[k * step + a] : row[a][k]);
            for (unsigned v = 0; v < nv; v++)
                acc[a][v] = vec_fma(l, right[v], acc[a][v]);
        }
    }
    for (unsigned a = 0; a < mr; a++)
        for (unsigned v = 0; v < nv; v++)
            vec_store_upto(out + a * ldo + v * VEC_LANES, acc[a][v],
                           v + 1 == nv ? tail : VEC_LANES);
}

/* All rows, nv vectors of lanes. */
VEC_INLINE void side_band(const unsigned nv, const int across,
                          const struct side_product *p, size_t j, size_t tail)
{
    size_t i = 0;
    if (nv == 1)
        for (; i + 8 <= p->rows; i += 8)
            side_tile(8, nv, across, p, i, j, tail);
    for (; i + 4 <= p->rows; i += 4)
        side_tile(4, nv, across, p, i, j, tail);
    for (; i + 2 <= p->rows; i += 2)
        side_tile(2, nv, across, p, i, j, tail);
    if (i < p->rows) side_tile(1, nv, across, p, i, j, tail);
}

VEC_INLINE void side_cover(const int across, const struct side_product *p)
{
    size_t j = 0;
#if defined(__AVX512F__) || defined(__aarch64__)
    for (; j + 4 * VEC_LANES <= p->lanes; j += 4 * VEC_LANES)
        side_band(4, across, p, j, VEC_LANES);
#endif
    for (; j + 2 * VEC_LANES <= p->lanes; j += 2 * VEC_LANES)
        side_band(2, across, p, j, VEC_LANES);
    for (; j + VEC_LANES <= p->lanes; j += VEC_LANES)
        side_band(1, across, p, j, VEC_LANES);
    if (j < p->lanes) side_band(1, across, p, j, p->lanes - j);
}
static void product_across(const struct side_product *p) { side_cover(1, p); }
static void product_along(const struct side_product *p) { side_cover(0, p); }

/* out[m][j] = in[j][m], j < n, m < rows; n and rows rounded up to vectors and fours. */
static void turn(real *out, size_t ldo, const real *in, size_t ld, size_t n,
                 size_t rows)
{
    for (size_t j = 0; j < n; j += VEC_LANES)
        for (size_t m = 0; m < rows; m += 4)
            vec_columns(out + m * ldo + j, ldo, in + j * ld + m, ld);
}

static void tiny_fetch(const struct nn_tiny *net, const struct nn_tiny_batch *batch,
                       size_t first, size_t m)
{
    const size_t ld = net->ld, n_in = net->n_in, n_t = net->target_columns;
    for (size_t i = 0; i < m; i++) {
        size_t at = batch->start + first + i;
        ptrdiff_t row = batch->order ? (ptrdiff_t)batch->order[at] : (ptrdiff_t)at;
        const real *x = batch->x + row * batch->x_stride;
        const real *t = batch->y + row * batch->y_stride;
        for (size_t j = 0; j < n_in; j++)
            net->x[j * ld + i] = x[j];
        for (size_t j = 0; j < n_t; j++)
            net->targets[j * ld + i] = t[j];
        if (batch->weights) net->weights[first + i] = batch->weights[row];
    }
}

static void tiny_forward(const struct nn_tiny *net)
{
    const size_t ld = net->ld;
    for (const struct nn_tiny_layer *l = net->layers; l < net->layers + net->n_layers;
         l++) {
        const struct side_product z = {.out = l->z,
                                       .ldo = ld,
                                       .rows = l->n_out,
                                       .lanes = ld,
                                       .depth = l->n_in,
                                       .left = l->w,
                                       .step = l->n_out,
                                       .right = l->x,
                                       .ldr = ld,
                                       .start = l->bias};
        product_across(&z);
        if (l->act == NN_ACT_softmax)
            softmax_side(l->y, l->z, ld, ld, l->n_out);
        else if (l->act == NN_ACT_log_softmax)
            log_softmax_side(l->y, l->z, ld, ld, l->n_out);
        else if (l->act != NN_ACT_linear)
            l->forward(l->y, l->z, l->n_out, ld, l->args);
    }
}

/* Values of the loss and the metrics; d of the last layer. */
static void tiny_measure(const struct nn_tiny *net, const struct nn_tiny_batch *batch,
                         size_t first, size_t m)
{
    const struct nn_tiny_layer *top = net->layers + net->n_layers - 1;
    const real *weights = batch->weights ? net->weights + first : NULL;
    for (size_t i = 0; i <= net->n_metrics; i++) {
        const struct nn_tiny_loss *loss = net->losses + i;
        const real *p = loss->on_logits ? top->z : top->y;
        real *value = net->values + i * net->capacity + first;
        if (i == 0)
            side_losses[loss->loss](value, top->d, p, net->targets, net->ld, m,
                                    top->n_out, weights, (real)(1 / (double)batch->m),
                                    &loss->args);
        else if (loss->metric == NN_METRIC_loss_value)
            side_losses[loss->loss](value, NULL, p, net->targets, net->ld, m,
                                    top->n_out, NULL, 1, &loss->args);
        else
            side_metrics[loss->metric](value, p, net->targets, net->ld, m, top->n_out,
                                       loss->threshold);
    }
}

static void tiny_backward(const struct nn_tiny *net)
{
    const size_t ld = net->ld;
    for (size_t i = net->n_layers; i-- > 0;) {
        const struct nn_tiny_layer *l = net->layers + i;
        if (!(i + 1 == net->n_layers && net->losses->on_logits)) {
            if (l->act == NN_ACT_softmax)
                softmax_slope_side(l->d, l->d, l->y, ld, ld, l->n_out);
            else if (l->act == NN_ACT_log_softmax)
                log_softmax_slope_side(l->d, l->d, l->y, ld, ld, l->n_out);
            else if (l->act != NN_ACT_linear)
                l->backward(l->d, l->d, l->z, l->y, l->n_out, ld, l->args);
        }
        if (i == 0) break;
        const struct side_product dx = {.out = l[-1].d,
                                        .ldo = ld,
                                        .rows = l->n_in,
                                        .lanes = ld,
                                        .depth = l->n_out,
                                        .left = l->w,
                                        .step = l->n_out,
                                        .right = l->d,
                                        .ldr = ld};
        product_along(&dx);
    }
}

/* dw = x^T d and db, which follows it, over m rows. */
static void tiny_differentiate(const struct nn_tiny *net, real *grads, size_t m,
                               int goes_on)
{
    const size_t ld = net->ld;
    for (const struct nn_tiny_layer *l = net->layers; l < net->layers + net->n_layers;
         l++) {
        const size_t n_in = l->n_in + (l->bias != NULL), n_out = l->n_out;
        struct side_product dw = {.out = grads + l->offset,
                                  .ldo = n_out,
                                  .rows = n_in,
                                  .lanes = n_out,
                                  .depth = m,
                                  .left = l->x,
                                  .step = ld,
                                  .right = net->turned,
                                  .goes_on = goes_on};
        if (n_out == 1) {
            // The same with x turned: lanes are inputs.
            dw.rows = 1;
            dw.lanes = n_in;
            dw.left = l->d;
        }
        dw.ldr = (dw.lanes + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
        turn(net->turned, dw.ldr, n_out == 1 ? l->x : l->d, ld, dw.lanes, m);
        product_along(&dw);
    }
}

static void tiny_gradients(const struct nn_tiny *net, real *grads,
                           const struct nn_tiny_batch *batch, size_t first, size_t m)
{
    for (size_t i = 0, n; i < m; i += n) {
        n = m - i < net->ld ? m - i : net->ld;
        tiny_fetch(net, batch, first + i, n);
        tiny_forward(net);
        tiny_measure(net, batch, first + i, n);
        tiny_backward(net);
        tiny_differentiate(net, grads, n, i > 0);
    }
}
