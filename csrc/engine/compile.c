/* compile.c: what is optimised, and with what: losses and metrics resolved against the
   last activation, units cut, slots of the optimizer allocated. */
#include <string.h>

#include "engine/net.h"

/* The form of a loss that takes logits; NN_LOSS_END: none. */
static nn_loss logits_form(nn_loss kind)
{
    switch (kind) {
    case NN_LOSS_binary_crossentropy:
        return NN_LOSS_binary_crossentropy_logits;
    case NN_LOSS_categorical_crossentropy:
        return NN_LOSS_categorical_crossentropy_logits;
    case NN_LOSS_sparse_categorical_crossentropy:
        return NN_LOSS_sparse_categorical_crossentropy_logits;
    case NN_LOSS_binary_focal_crossentropy:
        return NN_LOSS_binary_focal_crossentropy_logits;
    case NN_LOSS_categorical_focal_crossentropy:
        return NN_LOSS_categorical_focal_crossentropy_logits;
    default:
        return NN_LOSS_END;
    }
}

static int is_logits_form(nn_loss kind)
{
    for (int k = 0; k < NN_LOSS_END; k++)
        if (logits_form((nn_loss)k) == kind) return 1;
    return 0;
}

/* The activation that a crossentropy undoes: behind it, it is computed from the logits;
   NN_ACT_END: none. */
static nn_activation undone_by(nn_loss kind)
{
    switch (kind) {
    case NN_LOSS_binary_crossentropy:
        return NN_ACT_sigmoid;
    case NN_LOSS_categorical_crossentropy:
    case NN_LOSS_sparse_categorical_crossentropy:
        return NN_ACT_softmax;
    default:
        return NN_ACT_END;
    }
}

/* Columns of targets that a loss takes; 0: it does not fit the network's output. */
static size_t loss_columns(const struct net *net, const nn_loss_spec *spec)
{
    size_t n_out = net->base.n_out;
    switch (spec->kind) {
    case NN_LOSS_sparse_categorical_crossentropy:
    case NN_LOSS_categorical_generalized_cross_entropy:
        return 1;
    case NN_LOSS_quantile:
        return spec->n_list && n_out % spec->n_list == 0 ? n_out / spec->n_list : 0;
    case NN_LOSS_gaussian_nll:
        return n_out % 2 ? 0 : n_out / 2;
    case NN_LOSS_categorical_focal_crossentropy:
        return !spec->n_list || spec->n_list == n_out ? n_out : 0;
    default:
        return n_out;
    }
}

/* *numbers: room for the loss's list; what is used of it is taken away. */
static nn_status plan_loss(const struct net *net, const nn_loss_spec *spec,
                           real **numbers, struct loss_plan *plan)
{
    const struct layer *last = &net->layers[net->base.n_layers - 1];
    nn_loss kind = spec->kind;
    if (kind >= NN_LOSS_END || is_logits_form(kind) || !loss_columns(net, spec) ||
        spec->reduction >= NN_REDUCE_END)
        return NN_ERR_SPEC;
    plan->on_logits = last->act == undone_by(kind) && !last->has_noise &&
                      !last->activity[0] && !last->activity[1];
    if (logits_form(kind) != NN_LOSS_END && (plan->on_logits || spec->from_logits))
        kind = logits_form(kind);
    plan->kind = kind;
    plan->fn = net->kernels->loss[kind];
    plan->args = (struct nn_loss_args){.label_smoothing = (real)spec->label_smoothing,
                                       .delta = (real)spec->delta,
                                       .alpha = (real)spec->alpha,
                                       .beta = (real)spec->beta,
                                       .gamma = (real)spec->gamma,
                                       .q = (real)spec->q,
                                       .power = (real)spec->power,
                                       .ignored = (real)spec->ignored,
                                       .balances = spec->balances,
                                       .log_variance = spec->log_variance,
                                       .full = spec->full,
                                       .ignores = spec->ignores,
                                       .list = *numbers,
                                       .n_list = spec->n_list};
    for (size_t i = 0; i < spec->n_list; i++)
        *(*numbers)++ = (real)spec->list[i];
    plan->reduction = spec->reduction;
    plan->weight = spec->weight;
    return NN_OK;
}

/* Slots that a rule keeps; their order is that of kernels/optimizer.c. */
static size_t slots_of(const nn_optimizer_spec *spec)
{
    switch (spec->kind) {
    case NN_OPT_sgd:
        return spec->momentum != 0;
    case NN_OPT_rmsprop:
        return spec->centered ? 3 : spec->momentum != 0 ? 2 : 1;
    case NN_OPT_adagrad:
    case NN_OPT_lion:
        return 1;
    case NN_OPT_adam:
        return spec->amsgrad ? 3 : 2;
    default:
        return 2;
    }
}

/* What a unit costs beside others: its columns count by whole vectors, and refreshing
   W^T a fourth of the rest. */
static double unit_cost(const struct net *net, const struct nn_variable *v,
                        size_t width, size_t rows)
{
    size_t lanes = net->kernels->lanes, padded = (width + lanes - 1) / lanes * lanes;
    int turns = v->rank == 2 && needs_own_transpose(&net->layers[v->layer]);
    return (turns ? 1.25 : 1) * (double)(padded * rows);
}

/* Units of columns [j, j + width) of a variable; returns how many. units NULL counts.
 */
static size_t list_rows(const struct net *net, const struct nn_variable *v, size_t j,
                        size_t width, size_t rows_at_once, struct unit *units)
{
    const struct layer *layer = &net->layers[v->layer];
    size_t n = 0;
    for (size_t k = 0; k < v->rows; k += rows_at_once, n++) {
        size_t rows = min_size(rows_at_once, v->rows - k);
        if (!units) continue;
        units[n] =
            (struct unit){.layer = v->layer,
                          .place = v->place,
                          .panel = j,
                          .width = width,
                          .row = k,
                          .rows = rows,
                          .offset = layer->offset[v->place] + j * v->rows + k * width,
                          .cost = unit_cost(net, v, width, rows)};
    }
    return n;
}

/* Cut what is trainable into units: kernels and vectors by NN_PANEL columns, kernels
   and tables by rows. Called twice: units NULL counts. */
static size_t list_units(const struct net *net, struct unit *units)
{
    size_t n = 0;
    for (size_t i = 0; i < net->base.n_variables; i++) {
        const struct nn_variable *v = &net->variables[i];
        const struct layer *layer = &net->layers[v->layer];
        if (!learns(layer, v->place)) continue;
        if (v->rank == 2 && !layer->has_kernel) {
            size_t rows = UNIT_ROWS * NN_PANEL / v->cols;
            n += list_rows(net, v, 0, v->cols, rows ? rows : 1,
                           units ? units + n : NULL);
            continue;
        }
        for (size_t j = 0; j < v->cols; j += NN_PANEL)
            n += list_rows(net, v, j, panel_width(j, v->cols), UNIT_ROWS,
                           units ? units + n : NULL);
    }
    return n;
}

struct compiled {
    struct metric_plan *metrics;
    real *slots[5], *grads;
    struct unit *units;
    double *norm_blocks;
    struct nn_row_sum *sums[2];
    real *numbers; /* lists of the loss and the metrics */
};

static void free_compiled(struct compiled *c)
{
    void *blocks[] = {c->metrics,  c->slots[0], c->slots[1],    c->slots[2],
                      c->slots[3], c->slots[4], c->grads,       c->units,
                      c->sums[0],  c->sums[1],  c->norm_blocks, c->numbers};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        nn_free(blocks[i]);
}

/* Blocks of NN_SUM_BLOCK parameters over all variables, in order. */
static size_t count_blocks(const struct net *net)
{
    size_t n = 0;
    for (size_t i = 0; i < net->base.n_variables; i++) {
        const struct nn_variable *v = &net->variables[i];
        n += (v->rows * v->cols + NN_SUM_BLOCK - 1) / NN_SUM_BLOCK;
    }
    return n;
}

/* A metric reads the loss's targets: it must take as many columns. */
static nn_status plan_metrics(const struct net *net, const nn_loss_spec *loss,
                              const nn_metric_spec *specs, size_t n, real **numbers,
                              struct metric_plan *plans)
{
    size_t columns = loss_columns(net, loss);
    for (size_t i = 0; i < n; i++) {
        size_t takes = net->base.n_out;
        if (specs[i].kind == NN_METRIC_sparse_categorical_accuracy)
            takes = 1;
        else if (specs[i].kind == NN_METRIC_loss_value)
            takes = loss_columns(net, &specs[i].loss);
        if (specs[i].kind >= NN_METRIC_END || takes != columns) return NN_ERR_SPEC;
        plans[i].kind = specs[i].kind;
        plans[i].threshold = (real)specs[i].threshold;
        plans[i].weighted = specs[i].weighted;
        plans[i].loss.weight = 1;
        if (specs[i].kind == NN_METRIC_loss_value) {
            nn_status status = plan_loss(net, &specs[i].loss, numbers, &plans[i].loss);
            if (status) return status;
        }
    }
    return NN_OK;
}

/* Numbers in the lists of the loss and the metrics. */
static size_t count_numbers(const nn_loss_spec *loss, const nn_metric_spec *metrics,
                            size_t n_metrics)
{
    size_t n = loss->n_list;
    for (size_t i = 0; i < n_metrics; i++)
        if (metrics[i].kind == NN_METRIC_loss_value) n += metrics[i].loss.n_list;
    return n;
}

static nn_status allocate_compiled(const struct net *net, struct compiled *c,
                                   size_t n_metrics, size_t n_slots, size_t n_numbers)
{
    c->numbers = nn_alloc(n_numbers, sizeof *c->numbers);
    c->metrics = nn_alloc(n_metrics, sizeof *c->metrics);
    c->grads = nn_alloc(net->n_params, sizeof(real));
    c->units = nn_alloc(list_units(net, NULL), sizeof *c->units);
    c->norm_blocks = nn_alloc(count_blocks(net), 2 * sizeof(double));
    c->sums[0] = nn_alloc(3 + n_metrics, sizeof **c->sums);
    c->sums[1] = nn_alloc(3 + n_metrics, sizeof **c->sums);
    int ok = c->numbers && c->metrics && c->grads && c->units && c->norm_blocks &&
             c->sums[0] && c->sums[1];
    for (size_t s = 0; s < n_slots; s++)
        ok &= (c->slots[s] = nn_alloc(net->n_params, sizeof(real))) != NULL;
    return ok ? NN_OK : NN_ERR_MEMORY;
}

/* Take note of the variables that weight decay leaves alone; the caller's array ends.
 */
static void exempt_from_decay(struct net *net, const nn_optimizer_spec *optimizer)
{
    for (size_t i = 0; i < net->base.n_variables; i++) {
        const struct nn_variable *v = &net->variables[i];
        net->layers[v->layer].undecayed[v->place] =
            optimizer->undecayed && optimizer->undecayed[i];
    }
    net->optimizer.undecayed = NULL;
}

static nn_status compile_taken(struct net *net, const nn_loss_spec *loss,
                               const nn_metric_spec *metrics, size_t n_metrics,
                               const nn_optimizer_spec *optimizer)
{
    struct compiled c = {0};
    struct loss_plan plan;
    if (optimizer->kind >= NN_OPT_END) return NN_ERR_SPEC;
    size_t n_moments = slots_of(optimizer);
    int accumulates = optimizer->accumulation_steps > 1;
    size_t n_slots = n_moments + !!optimizer->use_ema + (size_t)accumulates;
    size_t n_numbers = count_numbers(loss, metrics, n_metrics);
    nn_status status = allocate_compiled(net, &c, n_metrics, n_slots, n_numbers);
    real *numbers = c.numbers;
    if (!status) status = plan_loss(net, loss, &numbers, &plan);
    if (!status)
        status = plan_metrics(net, loss, metrics, n_metrics, &numbers, c.metrics);
    if (status) {
        free_compiled(&c);
        return status;
    }
    struct compiled old = {.metrics = net->metrics,
                           .grads = net->grads,
                           .units = net->units,
                           .norm_blocks = net->norm_blocks,
                           .sums = {net->train_sums.of, net->eval_sums.of},
                           .numbers = net->numbers};
    memcpy(old.slots, net->slots, sizeof old.slots);
    free_compiled(&old);
    net->metrics = c.metrics;
    net->grads = c.grads;
    net->units = c.units;
    net->norm_blocks = c.norm_blocks;
    net->train_sums.of = c.sums[0];
    net->eval_sums.of = c.sums[1];
    net->numbers = c.numbers;
    memcpy(net->slots, c.slots, sizeof c.slots);
    net->average = optimizer->use_ema ? net->slots[n_moments] : NULL;
    net->accumulated = accumulates ? net->slots[n_slots - 1] : NULL;

    net->loss = plan;
    net->optimizer = *optimizer;
    net->base.n_metrics = n_metrics;
    net->base.n_slots = n_slots;
    net->base.target_columns = loss_columns(net, loss);
    net->n_units = list_units(net, net->units);
    net->units_cost = 0;
    for (size_t i = 0; i < net->n_units; i++)
        net->units_cost += net->units[i].cost;
    net->clips_by_norm = optimizer->clipnorm > 0 || optimizer->global_clipnorm > 0;
    net->stores_gradients =
        net->clips_by_norm || net->accumulated || optimizer->loss_scale > 0;
    exempt_from_decay(net, optimizer);
    net->has_penalty = net->is_constrained = 0;
    net->is_flat = !net->stores_gradients;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        int penalized = layer->l1[0] || layer->l2[0] || layer->l1[1] || layer->l2[1];
        int bounded = is_constrained(layer, 0) || is_constrained(layer, 1);
        int undecayed = layer->undecayed[0] || layer->undecayed[1];
        int has_variables = layer->has_kernel || layer->norm.columns ||
                            layer->kind == NN_KIND_embedding;
        int is_alike = layer->learns && !penalized && !bounded && !undecayed &&
                       layer->kind != NN_KIND_batch_normalization;
        net->has_penalty |= layer->learns && penalized;
        net->is_constrained |= bounded;
        net->is_flat &= !has_variables || is_alike;
    }
    if (optimizer->kind == NN_OPT_adagrad || optimizer->kind == NN_OPT_ftrl)
        for (size_t i = 0; i < net->n_params; i++)
            net->slots[0][i] = (real)optimizer->initial_accumulator_value;

    nn_counters *counters = &net->base.counters;
    counters->steps = 0;
    counters->beta_1_power = counters->beta_2_power = 1;
    counters->momentum_product = counters->schedule_power = 1;
    net->epoch = (struct epoch){0};
    reset_sums(net, &net->train_sums);
    reset_sums(net, &net->eval_sums);
    net->capacity = 0; /* values depend on the metrics: size the batch anew */
    net->tiny.rows = 0;
    net->trial = (struct trial){0};
    net->base.is_compiled = 1;
    return NN_OK;
}

static nn_status compile(nn_net *base, const nn_loss_spec *loss,
                         const nn_metric_spec *metrics, size_t n_metrics,
                         const nn_optimizer_spec *optimizer)
{
    struct net *net = net_of(base);
    nn_status status = take_for_change(net);
    if (status) return status;
    status = compile_taken(net, loss, metrics, n_metrics, optimizer);
    give_back_changed(net);
    return status;
}
