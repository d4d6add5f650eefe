/* tiny.c: kernels/tiny.c from outside: which networks it trains, the buffers of its
   plans, and how a team shares a batch: by chains of NN_CHAIN rows, whose gradients are
   added in order. */
#include <string.h>

#include "engine/net.h"

/* Whether kernels/tiny.c can train this network: nothing wider than a panel, every
   layer a product, and one update for all parameters. */
static int is_tiny_kind(const struct net *net)
{
    int fits = net->is_flat && !net->has_activity && net->base.n_in <= NN_PANEL;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        fits &= layer->has_kernel && !layer->has_noise && layer->n_out <= NN_PANEL;
    }
    return fits;
}

/* Whether steps of n_rows rows run in kernels/tiny.c: where layers are so narrow that
   lanes along rows do at most `most` times the multiply-adds of lanes along columns. */
static int runs_tiny(const struct net *net, size_t n_rows, double most)
{
    if (net->engine_wish == PANEL_ENGINE || !is_tiny_kind(net)) return 0;
    if (net->engine_wish == TINY_ENGINE) return 1;
    size_t lanes = NN_ROW_LANES, by_rows = 0, by_columns = 0;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        by_rows += layer->n_in * layer->n_out * ((n_rows + lanes - 1) / lanes);
        by_columns += n_rows * layer->n_in * ((layer->n_out + lanes - 1) / lanes);
    }
    return (double)by_rows <= most * (double)by_columns;
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

/* `columns` features of ld rows, then one of ones, and room to write fours. */
static real *carve_input(struct layout *layout, size_t columns, size_t ld)
{
    real *x = carve(layout, (columns + 4) * ld, sizeof *x);
    for (size_t i = 0; x && i < ld; i++)
        x[columns * ld + i] = 1;
    return x;
}

static struct nn_tiny_loss tiny_loss(const struct loss_plan *plan)
{
    return (struct nn_tiny_loss){.metric = NN_METRIC_loss_value,
                                 .loss = plan->kind,
                                 .on_logits = plan->on_logits,
                                 .args = plan->args};
}

static void lay_losses(const struct net *net, struct nn_tiny *plan)
{
    plan->losses[0] = tiny_loss(&net->loss);
    for (size_t i = 0; i < net->base.n_metrics; i++) {
        const struct metric_plan *metric = &net->metrics[i];
        plan->losses[1 + i] = tiny_loss(&metric->loss);
        plan->losses[1 + i].metric = metric->kind;
        plan->losses[1 + i].threshold = metric->threshold;
    }
}

static struct nn_tiny_layer tiny_layer(const struct net *net, size_t l,
                                       struct layout *layout, const real *x, size_t ld)
{
    const struct layer *layer = &net->layers[l];
    struct nn_tiny_layer tiny = {.n_in = layer->n_in,
                                 .n_out = layer->n_out,
                                 .offset = layer->offset[0],
                                 .has_bias = layer->has_bias,
                                 .act = layer->act,
                                 .x = x};
    memcpy(tiny.args, layer->args, sizeof tiny.args);
    tiny.z = tiny.y = carve_input(layout, layer->n_out, ld);
    if (layer->act != NN_ACT_linear && layer->keeps_input)
        tiny.y = carve_input(layout, layer->n_out, ld);
    tiny.d = carve(layout, layer->n_out * ld, sizeof *tiny.d);
    return tiny;
}

/* One thread's buffers; its program comes later. */
static void lay_plan(const struct net *net, struct nn_tiny *plan, size_t rows,
                     struct layout *layout)
{
    size_t ld = tiny_rows(net, rows), n_layers = net->base.n_layers;
    struct nn_tiny to = {.n_layers = n_layers,
                         .n_metrics = net->base.n_metrics,
                         .n_in = net->base.n_in,
                         .target_columns = net->base.target_columns,
                         .n_params = net->n_params,
                         .ld = ld,
                         .capacity = net->capacity,
                         .weights = net->row_weights,
                         .values = net->values,
                         .params = net->params,
                         .optimizer = net->kernels->optimizer[net->optimizer.kind]};
    memcpy(to.slots, net->slots, sizeof to.slots);
    to.layers = carve(layout, n_layers, sizeof *to.layers);
    to.losses = carve(layout, 1 + to.n_metrics, sizeof *to.losses);
    to.targets = carve(layout, (to.target_columns + 3) * ld, sizeof *to.targets);
    to.x = carve_input(layout, to.n_in, ld);
    const real *x = to.x;
    for (size_t l = 0; l < n_layers; l++) {
        struct nn_tiny_layer layer = tiny_layer(net, l, layout, x, ld);
        x = layer.y;
        if (layout->base) to.layers[l] = layer;
    }
    to.rows = carve(layout, NN_ROW_LANES * (NN_PANEL + NN_ROW_LANES), sizeof *to.rows);
    // Turning reads whole vectors of columns, and writes such and fours of rows.
    carve(layout, NN_ROW_LANES * ld, sizeof(real));
    to.turned = carve(layout, (ld + NN_ROW_LANES) * (NN_PANEL + NN_ROW_LANES),
                      sizeof *to.turned);
    if (layout->base) {
        lay_losses(net, &to);
        *plan = to;
    }
}

static void lay_tiny(struct net *net, size_t rows, unsigned team, struct layout *layout)
{
    struct tiny *tiny = &net->tiny;
    size_t n = chains(rows) > 1 ? chains(rows) : 0;
    tiny->plans = carve(layout, team, sizeof *tiny->plans);
    for (unsigned i = 0; i < team; i++)
        lay_plan(net, tiny->plans + i, rows, layout);
    tiny->partials = carve_rows(layout, n, net->n_params, sizeof(real));
}

/* Plans for batches of `rows` rows, after ensure_capacity. */
static nn_status ensure_tiny(struct net *net, size_t rows, unsigned team)
{
    struct tiny *tiny = &net->tiny;
    struct layout layout = {0};
    if (tiny->rows == rows && tiny->team == team) return NN_OK;
    tiny->rows = 0;
    lay_tiny(net, rows, team, &layout);
    if (layout.overflows) return NN_ERR_SIZE;
    nn_free(tiny->block);
    nn_free(tiny->ops);
    tiny->ops = NULL;
    tiny->block = nn_alloc(layout.bytes, 1);
    if (!tiny->block) return NN_ERR_MEMORY;
    layout = (struct layout){.base = tiny->block};
    lay_tiny(net, rows, team, &layout);
    net->kernels->tiny_plan(tiny->plans);
    size_t n_ops = tiny->plans->n_ops;
    tiny->ops = nn_alloc(n_ops * team, sizeof *tiny->ops);
    if (!tiny->ops) return NN_ERR_MEMORY;
    for (unsigned i = 0; i < team; i++) {
        tiny->plans[i].ops = tiny->ops + i * n_ops;
        net->kernels->tiny_plan(&tiny->plans[i]);
    }
    tiny->rows = rows;
    tiny->team = team;
    return NN_OK;
}

static struct nn_tiny_run tiny_run(const struct net *net, const struct nn_batch *batch,
                                   size_t first, size_t m)
{
    return (struct nn_tiny_run){.batch = batch,
                                .first = first,
                                .m = m,
                                .weights =
                                    batch->weights ? net->row_weights + first : NULL,
                                .scale = (real)batch->scale,
                                .grads = net->grads};
}

/* Outputs of rows first, ... of a batch, which lie feature by feature, row by row. */
static void copy_outputs(const struct nn_tiny *plan, const struct nn_tiny_run *run)
{
    const struct nn_tiny_layer *top = &plan->layers[plan->n_layers - 1];
    real *out = run->batch->outputs + run->first * top->n_out;
    for (size_t i = 0; i < run->m; i++)
        for (size_t j = 0; j < top->n_out; j++)
            *out++ = top->y[j * plan->ld + i];
}

/* Whether a batch is one block of one thread: its update follows without a break. */
static int tiny_is_one(const struct net *net)
{
    return net->tiny.team == 1 && net->tiny.rows <= net->tiny.plans->ld &&
           !net->average;
}

/* Values of a batch, this thread's chains of it; gradients too unless it is one. */
static void tiny_measure(struct net *net, const struct nn_batch *batch,
                         const struct nn_team *team)
{
    const struct nn_tiny *plan = &net->tiny.plans[team->rank];
    if (tiny_is_one(net)) {
        struct nn_tiny_run run = tiny_run(net, batch, 0, batch->m);
        net->kernels->tiny_forward(plan, &run);
        if (batch->outputs) copy_outputs(plan, &run);
        return;
    }
    size_t n = chains(batch->m), first, last;
    share(n, team->rank, team->size, &first, &last);
    for (size_t c = first; c < last; c++) {
        size_t from = c * NN_CHAIN, to = min_size(from + NN_CHAIN, batch->m);
        for (size_t i = from; i < to; i += plan->ld) {
            struct nn_tiny_run run =
                tiny_run(net, batch, i, min_size(plan->ld, to - i));
            if (n > 1) run.grads = net->tiny.partials + c * net->n_params;
            run.goes_on = i > from;
            net->kernels->tiny_forward(plan, &run);
            if (batch->outputs) copy_outputs(plan, &run);
            net->kernels->tiny_backward(plan, &run);
        }
    }
}

/* This thread's share of the update; of a batch that is one its gradients too. */
static void tiny_update(struct net *net, const struct nn_batch *batch,
                        const struct nn_step *step, const struct nn_team *team)
{
    if (tiny_is_one(net)) {
        struct nn_tiny_run run = tiny_run(net, batch, 0, batch->m);
        run.step = step;
        net->kernels->tiny_backward(net->tiny.plans, &run);
        return;
    }
    const size_t line = NN_ALIGN / sizeof(real), n = net->n_params;
    size_t first, last, n_chains = chains(batch->m);
    share((n + line - 1) / line, team->rank, team->size, &first, &last);
    first *= line;
    last = min_size(last * line, n);
    for (size_t c = 0; n_chains > 1 && c < n_chains; c++) {
        const real *from = net->tiny.partials + c * n;
        for (size_t i = first; i < last; i++)
            net->grads[i] = c ? net->grads[i] + from[i] : from[i];
    }
    apply(net, step, first, last - first, net->grads + first);
}
