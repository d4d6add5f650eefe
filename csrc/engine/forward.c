/* forward.c: rows through the layers, in training and in prediction. A thread does all
   layers of its own rows: no row needs another one. */
#include <string.h>

#include "engine/net.h"

/* Panels of at least this many bytes are fetched ahead: they do not stay in the cache
   from one step to the next. */
#define FETCH_BYTES ((size_t)1 << 20)

/* out[m][n] = rows[m][depth] B + bias, B in panels of n columns. Part by part of the
   contracted index, so that a part of the rows stays in the cache for all panels;
   where its place would not let it, it is packed (work not NULL). */
static void multiply(const struct net *net, real *out, const real *const *rows,
                     const real *panels, const real *bias, size_t m, size_t n,
                     size_t depth, const struct workspace *work)
{
    int packs = work && work->rows && rows_collide(depth) && n >= 4 * NN_PANEL;
    int fetches = n * depth * sizeof(real) >= FETCH_BYTES;
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
                                     .ldc = n,
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
    multiply(net, z, rows, net->params + layer->offset[0], bias, m, layer->n_out,
             layer->n_in, work);
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

/* ---- predict ------------------------------------------------------------------- */

/* A block of scratch: from the free list, else new; NULL when there is no memory. */
static void *take_scratch(struct net *net)
{
    for (size_t i = 0; i < sizeof net->scratch / sizeof *net->scratch; i++) {
        void *block = atomic_exchange(&net->scratch[i], NULL);
        if (block) return block;
    }
    return nn_alloc(net->scratch_size, 1);
}

static void give_back_scratch(struct net *net, void *block)
{
    for (size_t i = 0; i < sizeof net->scratch / sizeof *net->scratch; i++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong(&net->scratch[i], &empty, block)) return;
    }
    nn_free(block);
}

/* y[m][n_out] for at most scratch_rows rows of x; scratch holds two layers in turn. */
static void infer(const struct net *net, void *scratch, const real *x, ptrdiff_t stride,
                  size_t m, real *y)
{
    const real **rows = scratch;
    size_t bytes = 0;
    nn_add_size(&bytes, net->scratch_rows, sizeof *rows);
    real *pair[2];
    pair[0] = (void *)((char *)scratch + bytes);
    nn_add_size(&bytes, net->scratch_rows * net->widest, sizeof(real));
    pair[1] = (void *)((char *)scratch + bytes);
    for (size_t i = 0; i < m; i++)
        rows[i] = x + (ptrdiff_t)i * stride;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        real *z = l + 1 == net->base.n_layers ? y : pair[l % 2];
        layer_input(net, layer, z, rows, m, NULL);
        activate(net, layer, z, z, m);
        for (size_t i = 0; i < m; i++)
            rows[i] = z + i * layer->n_out;
    }
}

struct predict_job {
    struct net *net;
    const real *x;
    ptrdiff_t stride;
    size_t n_rows;
    real *y;
    atomic_int failed;
};

static void predict_rows(void *context, const struct nn_team *team)
{
    struct predict_job *job = context;
    struct net *net = job->net;
    size_t first, last;
    share(job->n_rows, team->rank, team->size, &first, &last);
    if (first == last) return;
    void *scratch = take_scratch(net);
    if (!scratch) {
        atomic_store(&job->failed, 1);
        return;
    }
    for (size_t i = first; i < last;) {
        size_t m = min_size(net->scratch_rows, last - i);
        infer(net, scratch, job->x + (ptrdiff_t)i * job->stride, job->stride, m,
              job->y + i * net->base.n_out);
        i += m;
    }
    give_back_scratch(net, scratch);
}

static nn_status predict(nn_net *base, const void *x, ptrdiff_t x_stride, size_t n_rows,
                         void *y, unsigned threads, nn_patience patience)
{
    struct net *net = net_of(base);
    nn_status status = take(net, 0, patience);
    if (status) return status;
    struct predict_job job = {net, x, x_stride, n_rows, y, 0};
    unsigned team = nn_parallel(team_for(net, n_rows, 0, threads), predict_rows, &job);
    base->last_team = team;
    give_back_read(net);
    return atomic_load(&job.failed) ? NN_ERR_MEMORY : NN_OK;
}
