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

/* z[m][N] = rows W + b. */
static void multiply_rows(const struct net *net, const struct layer *layer, real *z,
                          const real *const *rows, size_t m,
                          const struct workspace *work)
{
    const real *bias = layer->has_bias ? net->params + layer->offset[1] : NULL;
    multiply(net, z, layer->n_out, rows, net->params + layer->offset[0], bias, m,
             layer->n_out, layer->n_in, work);
}

/* z[m][N], as prediction has it. */
static void layer_input(const struct net *net, const struct layer *layer, real *z,
                        const real *const *rows, size_t m)
{
    if (layer->has_kernel)
        multiply_rows(net, layer, z, rows, m, NULL);
    else
        transform(net, layer, z, NULL, NULL, rows, m, &layer->norm);
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

/* The noise of rows `first`, ..., or its slope; drawn anew from its counters. */
static void disturb(const struct net *net, const struct layer *layer, real *out,
                    const real *in, size_t first, size_t m, int backward)
{
    net->kernels->noise(out, in, m, layer->n_out, first, net->base.counters.steps_lived,
                        &layer->noise, backward);
}

/* Rows [first, last) of a batch of n_batch through one layer, every view kept.
   `trains`: with noise and the batch's statistics. */
static void forward_layer(struct net *net, size_t l, size_t first, size_t last,
                          size_t n_batch, int trains, const struct workspace *work)
{
    struct layer *layer = &net->layers[l];
    const real *const *rows = input_rows(net, l) + first;
    size_t at = first * layer->n_out, m = last - first;
    if (layer->has_kernel) {
        multiply_rows(net, layer, layer->z + at, rows, m, work);
    } else if (layer->kind != NN_KIND_none || l == 0) {
        struct nn_norm norm = trains ? norm_in_training(layer, n_batch) : layer->norm;
        transform(net, layer, layer->z + at, layer->h ? layer->h + at : NULL,
                  layer->inverse ? layer->inverse + first * norm.groups : NULL, rows, m,
                  &norm);
    }
    activate(net, layer, layer->y + at, layer->z + at, m);
    if (layer->activity[0] || layer->activity[1])
        net->kernels->add_activity(net->activity + first, layer->y + at, m,
                                   layer->n_out, (real)layer->activity[0],
                                   (real)layer->activity[1]);
    if (layer->has_noise && trains)
        disturb(net, layer, layer->u + at, layer->y + at, first, m, 0);
    else if (layer->has_noise)
        memcpy(layer->u + at, layer->y + at, m * layer->n_out * sizeof(real));
}
