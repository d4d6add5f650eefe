/* forward.c: rows through the layers, in training. A thread does all layers of its own
   rows: no row needs another one. */
#include <string.h>

#include "engine/net.h"

/* Panels of at least so many bytes in all are fetched ahead: they do not stay in the
   cache from one step to the next; but fewer rows leave no time for it. */
#define FETCH_BYTES ((size_t)1 << 20)
#define FETCH_ROWS 16

/* out[m][n] = rows[m][depth] B + bias, B in panels of n columns; rows of out lie ldo
   apart. Part by part of the contracted index, so that a part of the rows stays in the
   cache for all panels; where its place would not let it, it is packed (work not NULL).
 */
static void multiply(const struct net *net, real *out, size_t ldo,
                     const real *const *rows, const real *panels, const real *bias,
                     size_t m, size_t n, size_t depth, const struct workspace *work)
{
    int packs = work && work->rows && rows_collide(depth) && n >= 4 * NN_PANEL;
    int fetches = m >= FETCH_ROWS && n * depth * sizeof(real) >= FETCH_BYTES;
    for (size_t first = 0; first < depth; first += NN_CHAIN) {
        size_t part = min_size(NN_CHAIN, depth - first);
        for (size_t i = 0; packs && i < m; i++)
            memcpy(work->part + i * NN_CHAIN, rows[i] + first, part * sizeof(real));
        for (size_t j = 0; j < n; j += NN_PANEL) {
            size_t width = panel_width(j, n), next = j + NN_PANEL;
            const real *b = panels + j * depth + first * width;
            const real *then = next < n ? panels + next * depth + first * NN_PANEL
                                        : panels + (first + part) * NN_PANEL;
            net->kernels->product(
                &(struct nn_product){.c = out + j,
                                     .ldc = ldo,
                                     .a = packs ? work->rows : rows,
                                     .first = packs ? 0 : first,
                                     .adds = first > 0,
                                     .b = b,
                                     .bias = bias ? bias + j : NULL,
                                     .m = m,
                                     .n = width,
                                     .depth = part,
                                     .ahead = fetches ? then : NULL,
                                     .ahead_bytes = part * width * sizeof(real)});
        }
    }
}

/* z[m][N] = rows W + b; without a kernel the rows themselves. */
static void layer_input(const struct net *net, const struct layer *layer, real *z,
                        const real *const *rows, size_t m, const struct workspace *work)
{
    if (!layer->has_kernel) {
        for (size_t i = 0; i < m; i++)
            memcpy(z + i * layer->n_in, rows[i], layer->n_in * sizeof(real));
        return;
    }
    const real *bias = layer->has_bias ? net->params + layer->offset[1] : NULL;
    multiply(net, z, layer->n_out, rows, net->params + layer->offset[0], bias, m,
             layer->n_out, layer->n_in, work);
}

static void activate(const struct net *net, const struct layer *layer, real *y,
                     const real *z, size_t m)
{
    if (layer->act != NN_ACT_linear)
        net->kernels->activation[layer->act].forward(y, z, m, layer->n_out,
                                                     layer->args);
    else if (y != z)
        memcpy(y, z, m * layer->n_out * sizeof(real));
}

/* out = in where dropout keeps, scaled; the mask is drawn anew from its counters. */
static void drop(const struct net *net, const struct layer *layer, real *out,
                 const real *in, size_t first, size_t m)
{
    net->kernels->dropout(out, in, m, layer->n_out, first, layer->dropout_threshold,
                          layer->dropout_scale, layer->dropout_seed,
                          net->base.counters.steps_lived);
}

/* Rows [first, last) of the batch through all layers, every view kept. */
static void forward(struct net *net, size_t first, size_t last, int drops,
                    const struct workspace *work)
{
    size_t m = last - first;
    const real *const *rows = net->x_rows + first;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        size_t at = first * layer->n_out;
        if (layer->has_kernel || l == 0)
            layer_input(net, layer, layer->z + at, rows, m, work);
        activate(net, layer, layer->y + at, layer->z + at, m);
        if (layer->has_dropout && drops)
            drop(net, layer, layer->u + at, layer->y + at, first, m);
        else if (layer->has_dropout)
            memcpy(layer->u + at, layer->y + at, m * layer->n_out * sizeof(real));
        rows = layer->rows + first;
    }
}
