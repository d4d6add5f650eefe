/* tiny.c: the buffers of kernels/tiny.c, and what a team does with them: chains of
   NN_CHAIN rows are shared out, their gradients added in order. */
#include <string.h>

#include "engine/net.h"

/* Whether kernels/tiny.c can train this network: nothing wider than a panel, every
   layer a product, and one update for all parameters. */
static int is_tiny_kind(const struct net *net)
{
    int fits = net->is_flat && net->base.n_in <= NN_PANEL;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        fits &= layer->has_kernel && !layer->has_dropout && layer->n_out <= NN_PANEL;
    }
    return fits;
}

/* Whether steps of n_rows rows run in kernels/tiny.c: where layers are so narrow that
   lanes along columns would do more multiply-adds than lanes along rows. */
static int runs_tiny(const struct net *net, size_t n_rows)
{
    if (net->engine_wish == PANEL_ENGINE || !is_tiny_kind(net)) return 0;
    if (net->engine_wish == TINY_ENGINE) return 1;
    size_t lanes = NN_ROW_LANES, by_rows = 0, by_columns = 0;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        by_rows += layer->n_in * layer->n_out * ((n_rows + lanes - 1) / lanes);
        by_columns += n_rows * layer->n_in * ((layer->n_out + lanes - 1) / lanes);
    }
    return by_rows <= 2 * by_columns;
}

/* Numbers that kernels/tiny.c keeps of a row. */
static size_t tiny_columns(const struct net *net)
{
    size_t columns = net->base.n_in + net->base.target_columns;
    for (size_t l = 0; l < net->base.n_layers; l++)
        columns += 3 * net->layers[l].n_out;
    return columns;
}

/* Rows taken at a time: equal parts of a chain that fit into an L1 cache, in whole
   vectors. */
#define TINY_BYTES (32 << 10)
static size_t tiny_rows(const struct net *net, size_t rows)
{
    size_t lanes = net->kernels->lanes;
    size_t most = TINY_BYTES / sizeof(real) / tiny_columns(net);
    if (most < 2 * NN_ROW_LANES) most = 2 * NN_ROW_LANES;
    rows = min_size(rows, NN_CHAIN);
    size_t parts = (rows + most - 1) / most, each = (rows + parts - 1) / parts;
    return (each + lanes - 1) / lanes * lanes;
}

static size_t chains(size_t rows) { return (rows + NN_CHAIN - 1) / NN_CHAIN; }

/* Take `count` times `each` elements of a block (NULL: only count). */
static real *carve(char *block, size_t *bytes, size_t count, size_t each)
{
    real *at = block ? (real *)(void *)(block + *bytes) : NULL;
    nn_add_size(bytes, count * each, sizeof(real));
    return at;
}

static struct nn_tiny_layer tiny_layer(const struct net *net, size_t l, size_t ld,
                                       char *block, size_t *bytes)
{
    const struct layer *layer = &net->layers[l];
    const struct nn_activation_kernel *f = &net->kernels->activation[layer->act];
    real *z = carve(block, bytes, layer->n_out + 1, ld), *y = z;
    if (layer->act != NN_ACT_linear && layer->keeps_input)
        y = carve(block, bytes, layer->n_out + 1, ld);
    for (size_t i = 0; block && i < ld; i++)
        y[layer->n_out * ld + i] = 1;
    return (struct nn_tiny_layer){
        .n_in = layer->n_in,
        .n_out = layer->n_out,
        .w = net->params + layer->offset[0],
        .bias = layer->has_bias ? net->params + layer->offset[1] : NULL,
        .offset = layer->offset[0],
        .z = z,
        .y = y,
        .d = carve(block, bytes, layer->n_out, ld),
        .act = layer->act,
        .forward = f->forward,
        .backward = f->backward,
        .args = {layer->args[0], layer->args[1], layer->args[2]}};
}

static struct nn_tiny_loss tiny_loss(const struct loss_plan *plan)
{
    return (struct nn_tiny_loss){.metric = NN_METRIC_loss_value,
                                 .loss = plan->kind,
                                 .on_logits = plan->on_logits,
                                 .args = plan->args};
}

/* One thread's plan and buffers. */
static void lay_plan(struct net *net, struct nn_tiny *plan, size_t rows, char *block,
                     size_t *bytes)
{
    size_t n_layers = net->base.n_layers, n_metrics = net->base.n_metrics;
    size_t ld = tiny_rows(net, rows), at = *bytes;
    nn_add_size(bytes, n_layers, sizeof *plan->layers);
    nn_add_size(bytes, 1 + n_metrics, sizeof *plan->losses);
    real *x = carve(block, bytes, net->base.n_in + 1, ld), *x_above = x;
    real *targets = carve(block, bytes, net->base.target_columns, ld);
    struct nn_tiny_layer *layers = block ? (void *)(block + at) : NULL;
    for (size_t l = 0; l < n_layers; l++) {
        struct nn_tiny_layer layer = tiny_layer(net, l, ld, block, bytes);
        layer.x = x_above;
        x_above = layer.y;
        if (block) layers[l] = layer;
    }
    // Turning reads and writes whole vectors of columns.
    carve(block, bytes, NN_ROW_LANES, ld);
    real *turned = carve(block, bytes, ld + 4, NN_PANEL + NN_ROW_LANES);
    if (!block) return;

    nn_add_size(&at, n_layers, sizeof *layers);
    struct nn_tiny_loss *losses = (void *)(block + at);
    losses[0] = tiny_loss(&net->loss);
    for (size_t i = 0; i < n_metrics; i++) {
        losses[1 + i] = tiny_loss(&net->metrics[i].loss);
        losses[1 + i].metric = net->metrics[i].kind;
        losses[1 + i].threshold = net->metrics[i].threshold;
    }
    for (size_t i = 0; i < ld; i++)
        x[net->base.n_in * ld + i] = 1;
    *plan = (struct nn_tiny){.n_layers = n_layers,
                             .n_metrics = n_metrics,
                             .n_in = net->base.n_in,
                             .target_columns = net->base.target_columns,
                             .ld = ld,
                             .capacity = net->capacity,
                             .layers = layers,
                             .losses = losses,
                             .x = x,
                             .targets = targets,
                             .turned = turned,
                             .weights = net->row_weights,
                             .values = net->values};
}

/* Buffers for batches of `rows` rows, after ensure_capacity. */
static nn_status ensure_tiny(struct net *net, size_t rows, unsigned team)
{
    struct tiny *tiny = &net->tiny;
    if (tiny->rows == rows && tiny->team == team) return NN_OK;
    for (char *block = NULL;;) {
        size_t bytes = 0, n = chains(rows) > 1 ? chains(rows) : 0;
        nn_add_size(&bytes, team, sizeof *tiny->plans);
        tiny->plans = (void *)block;
        for (unsigned i = 0; i < team; i++)
            lay_plan(net, tiny->plans + i, rows, block, &bytes);
        tiny->partials = carve(block, &bytes, n, net->n_params);
        if (block) break;
        if (bytes > tiny->bytes) {
            nn_free(tiny->block);
            tiny->bytes = 0;
            tiny->rows = 0;
            tiny->block = nn_alloc(bytes, 1);
            if (!tiny->block) return NN_ERR_MEMORY;
            tiny->bytes = bytes;
        }
        block = tiny->block;
    }
    tiny->rows = rows;
    tiny->team = team;
    return NN_OK;
}

/* This thread's chains of a batch. */
static void tiny_gradients(struct net *net, const struct nn_tiny_batch *batch,
                           const struct nn_team *team)
{
    size_t n = chains(batch->m), first, last;
    share(n, team->rank, team->size, &first, &last);
    for (size_t c = first; c < last; c++) {
        real *grads = n > 1 ? net->tiny.partials + c * net->n_params : net->grads;
        size_t row = c * NN_CHAIN, m = min_size(NN_CHAIN, batch->m - row);
        net->kernels->tiny_gradients(&net->tiny.plans[team->rank], grads, batch, row,
                                     m);
    }
}

/* This thread's share of the update. */
static void tiny_update(struct net *net, const struct nn_step *step, size_t m,
                        const struct nn_team *team)
{
    const size_t line = NN_ALIGN / sizeof(real), n = net->n_params;
    size_t first, last;
    share((n + line - 1) / line, team->rank, team->size, &first, &last);
    first *= line;
    last = min_size(last * line, n);
    for (size_t c = 0; chains(m) > 1 && c < chains(m); c++) {
        const real *from = net->tiny.partials + c * n;
        if (c == 0)
            memcpy(net->grads + first, from + first, (last - first) * sizeof(real));
        else
            for (size_t i = first; i < last; i++)
                net->grads[i] += from[i];
    }
    apply(net, step, first, last - first, net->grads + first);
}
