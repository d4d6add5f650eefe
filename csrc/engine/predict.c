/* predict.c: rows through the layers, in prediction.

   Rows are shared out among the threads, and each takes its own through all layers, as
   many at once as leave two layers in its second-level cache: every thread reads all of
   W. Where rows are so few that reading W is most of the work, the threads share the
   columns of each layer instead: each reads a part of W, which may then stay in its
   caches from one call to the next. */
#include <string.h>

#include "engine/net.h"

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

struct predict_job {
    struct net *net;
    const real *x;
    ptrdiff_t stride;
    size_t n_rows;
    real *y;
    void *scratch; /* of the team, if it shares columns */
    atomic_int failed;
};

/* Scratch holds pointers to rows, and two layers in turn. */
static real *layer_in(const struct net *net, void *scratch, size_t l)
{
    size_t bytes = 0, half = net->scratch_rows * net->scratch_columns;
    nn_add_size(&bytes, net->scratch_rows, sizeof(real *));
    return (real *)(void *)((char *)scratch + bytes) + (l % 2) * half;
}

/* y[m][n_out] for at most scratch_rows rows of x. */
static void infer(const struct net *net, void *scratch, const real *x, ptrdiff_t stride,
                  size_t m, real *y)
{
    const real **rows = scratch;
    for (size_t i = 0; i < m; i++)
        rows[i] = x + (ptrdiff_t)i * stride;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        real *z = l + 1 == net->base.n_layers ? y : layer_in(net, scratch, l);
        layer_input(net, layer, z, rows, m);
        activate(net, layer, z, z, m);
        for (size_t i = 0; i < m; i++)
            rows[i] = z + i * layer->n_out;
    }
}

/* Rows from which on kernels/narrow.c pays. */
#define NARROW_ROWS 32

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
    const real *x = job->x + (ptrdiff_t)first * job->stride;
    real *y = job->y + first * net->base.n_out;
    size_t m = last - first;
    if (net->narrow && m >= NARROW_ROWS) {
        real *const halves[] = {layer_in(net, scratch, 0), layer_in(net, scratch, 1)};
        net->kernels->narrow(y, x, job->stride, m, net->narrow, net->base.n_layers,
                             halves, net->scratch_rows);
        m = 0;
    }
    size_t parts = (m + net->scratch_rows - 1) / net->scratch_rows;
    for (size_t n; m; m -= n, parts--) {
        n = (m + parts - 1) / parts;
        infer(net, scratch, x, job->stride, n, y);
        x += (ptrdiff_t)n * job->stride;
        y += n * net->base.n_out;
    }
    give_back_scratch(net, scratch);
}

/* ---- few rows ------------------------------------------------------------------ */

/* The most rows for which a team shares columns; scratch has room for them. */
#define FEW_ROWS 24

static size_t panels_of(const struct layer *layer)
{
    return layer->has_kernel ? (layer->n_out + NN_PANEL - 1) / NN_PANEL : 0;
}

/* Whether a team of n saves each thread most of W: narrow layers have nothing to share.
 */
static int can_share_columns(const struct net *net, size_t n)
{
    size_t all = 0, own = 0;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        size_t panels = panels_of(layer);
        all += panels * layer->n_in;
        own += (panels + n - 1) / n * layer->n_in;
    }
    return 4 * own <= 3 * all;
}

/* z[m][N], columns of panels first to before last, through the product and, where it
   works by elements, the activation. */
static void infer_panels(const struct net *net, const struct layer *layer, real *z,
                         const real *const *rows, size_t m, size_t first, size_t last)
{
    if (first == last) return;
    size_t j = first * NN_PANEL, n = min_size(last * NN_PANEL, layer->n_out) - j;
    const real *w = net->params + layer->offset[0] + j * layer->n_in;
    const real *bias = layer->has_bias ? net->params + layer->offset[1] + j : NULL;
    multiply(net, z + j, layer->n_out, rows, w, bias, m, n, layer->n_in, NULL);
    if (layer->by_rows || layer->act == NN_ACT_linear) return;
    for (size_t i = 0; i < m; i++) {
        real *own = z + i * layer->n_out + j;
        net->kernels->activation[layer->act].forward(own, own, 1, n, layer->args);
    }
}

static void predict_columns(void *context, const struct nn_team *team)
{
    const struct predict_job *job = context;
    const struct net *net = job->net;
    const real *rows[FEW_ROWS];
    size_t m = job->n_rows, first, last;
    for (size_t i = 0; i < m; i++)
        rows[i] = job->x + (ptrdiff_t)i * job->stride;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        int is_last = l + 1 == net->base.n_layers;
        real *z = is_last ? job->y : layer_in(net, job->scratch, l);
        share(panels_of(layer), team->rank, team->size, &first, &last);
        infer_panels(net, layer, z, rows, m, first, last);
        if (!layer->has_kernel || layer->by_rows) {
            if (layer->has_kernel) nn_barrier_wait(team);
            share(m, team->rank, team->size, &first, &last);
            real *own = z + first * layer->n_out;
            if (!layer->has_kernel)
                layer_input(net, layer, own, rows + first, last - first);
            activate(net, layer, own, own, last - first);
        }
        if (is_last) break;
        nn_barrier_wait(team);
        for (size_t i = 0; i < m; i++)
            rows[i] = z + i * layer->n_out;
    }
}

/* ---- the call ------------------------------------------------------------------ */

static void predict_taken(struct predict_job *job, unsigned threads)
{
    struct net *net = job->net;
    unsigned team = team_for(net, job->n_rows, 0, threads);
    nn_team_fn *work = predict_rows;
    if (team > 1 && job->n_rows && job->n_rows <= FEW_ROWS &&
        can_share_columns(net, team)) {
        job->scratch = take_scratch(net);
        if (job->scratch) work = predict_columns;
    } else if (!net->forced_threads && team > job->n_rows) {
        team = (unsigned)job->n_rows;
    }
    double alone = microseconds(&net->base, job->n_rows, 0);
    net->base.last_team = net->forced_threads
                              ? nn_parallel(team, work, job)
                              : nn_parallel_brief(team, work, job, alone);
    if (job->scratch) give_back_scratch(net, job->scratch);
}

static nn_status predict(nn_net *base, const void *x, ptrdiff_t x_stride, size_t n_rows,
                         void *y, unsigned threads, nn_patience patience)
{
    struct net *net = net_of(base);
    nn_status status = take(net, 0, patience);
    if (status) return status;
    struct predict_job job = {net, x, x_stride, n_rows, y, NULL, 0};
    predict_taken(&job, threads);
    give_back_read(net);
    return atomic_load(&job.failed) ? NN_ERR_MEMORY : NN_OK;
}
