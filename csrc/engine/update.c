/* update.c: gradients of the parameters and the optimizer's step. Threads own units,
   runs of the flat blocks: a thread differentiates its units and, unless a norm over
   whole variables must be known first, updates them while they are in its cache. */
#include <math.h>

#include "engine/net.h"

/* The units of one thread: equal shares of the cost, in order. */
static void share_units(const struct net *net, const struct nn_team *team,
                        size_t *first, size_t *last)
{
    double from = net->units_cost * team->rank / team->size;
    double to = net->units_cost * (team->rank + 1) / team->size;
    double cost = 0;
    size_t i = 0;
    while (i < net->n_units && cost + net->units[i].cost / 2 < from)
        cost += net->units[i++].cost;
    *first = i;
    while (i < net->n_units && cost + net->units[i].cost / 2 < to)
        cost += net->units[i++].cost;
    *last = team->rank + 1 == team->size ? net->n_units : i;
}

/* Columns of a unit of dL/dz, [m][width], packed once for all units of the panel. */
static const real *packed_panel(const struct net *net, const struct unit *unit,
                                size_t m, struct workspace *work)
{
    const struct layer *layer = &net->layers[unit->layer];
    if (work->layer == unit->layer && work->panel == unit->panel) return work->d;
    for (size_t i = 0; i < m; i++)
        memcpy(work->d + i * unit->width, layer->d + i * layer->n_out + unit->panel,
               unit->width * sizeof(real));
    work->layer = unit->layer;
    work->panel = unit->panel;
    return work->d;
}

/* g = dW or db of one unit over the batch's m rows. */
static void differentiate(const struct net *net, const struct unit *unit, size_t m,
                          real *g, struct workspace *work)
{
    const struct layer *layer = &net->layers[unit->layer];
    const struct nn_kernels *kernels = net->kernels;
    const real *d = layer->d + unit->panel;
    size_t width = unit->width;
    if (layer->kind == NN_KIND_embedding) {
        differentiate_table(layer, g, input_rows(net, unit->layer), unit->row,
                            unit->rows, m);
    } else if (layer->norm.columns) {
        size_t ld = layer->norm.columns, depth = m * layer->norm.groups;
        if (unit->place)
            kernels->column_sums(g, d, ld, width, depth);
        else
            kernels->column_dots(g, d, layer->h + unit->panel, ld, width, depth);
    } else if (unit->place) {
        kernels->column_sums(g, d, layer->n_out, width, m);
    } else if (transposes_input(layer, m)) {
        d = packed_panel(net, unit, m, work);
        for (size_t first = 0; first < m; first += NN_CHAIN)
            kernels->product(
                &(struct nn_product){.c = g,
                                     .ldc = width,
                                     .a = layer->xt_rows + unit->row,
                                     .first = first,
                                     .adds = first > 0,
                                     .b = d + first * width,
                                     .m = unit->rows,
                                     .n = width,
                                     .depth = min_size(NN_CHAIN, m - first)});
    } else {
        kernels->gradient(g, input_rows(net, unit->layer), unit->row, d, layer->n_out,
                          unit->rows, width, m);
    }
}

/* The optimizer's scalars that are the same in every step. */
static void prepare_step(const struct net *net, struct nn_step *step)
{
    const nn_optimizer_spec *spec = &net->optimizer;
    *step = (struct nn_step){.scale = 1,
                             .clip = spec->clipvalue > 0 ? (real)spec->clipvalue
                                                         : (real)INFINITY,
                             .momentum = (real)spec->momentum,
                             .beta_2 = (real)spec->beta_2,
                             .epsilon = (real)spec->epsilon,
                             .one_minus_beta_1 = (real)(1 - spec->beta_1),
                             .one_minus_beta_2 = (real)(1 - spec->beta_2),
                             .one_minus_rho = (real)(1 - spec->rho),
                             .power = (real)-spec->learning_rate_power,
                             .l1_limit = (real)spec->l1,
                             .twice_shrinkage = (real)(2 * spec->l2_shrinkage),
                             .nesterov = spec->nesterov,
                             .amsgrad = spec->amsgrad,
                             .centered = spec->centered};
}

/* power x, or 0 instead of a subnormal number: arithmetic on one takes longer than the
   rest of a small network's step, and a power can stay there for ever. */
static double next_power(double power, double x)
{
    power *= x;
    return power < DBL_MIN ? 0 : power;
}

/* What happens around the rule in the coming step. */
static void plan_around(const struct net *net, struct nn_step *step)
{
    const nn_optimizer_spec *spec = &net->optimizer;
    uint64_t steps = net->base.counters.steps, every = spec->ema_overwrite_frequency;
    uint64_t batches = net->accumulated ? spec->accumulation_steps : 1;
    uint64_t updates = steps / batches;
    step->average = updates ? (real)(1 - spec->ema_momentum) : 1;
    step->overwrites = every && (updates + 1) % every == 0;
    step->rests = (steps + 1) % batches != 0;
}

/* Those of the coming step; `next` receives the counters after it. */
static void advance_step(const struct net *net, double learning_rate,
                         struct nn_step *step, nn_counters *next)
{
    const nn_optimizer_spec *spec = &net->optimizer;
    *next = net->base.counters;
    next->steps++;
    next->steps_lived++;
    if (net->accumulated || net->average) plan_around(net, step);
    if (step->rests) return;
    next->beta_1_power = next_power(next->beta_1_power, spec->beta_1);
    next->beta_2_power = next_power(next->beta_2_power, spec->beta_2);
    double lr = learning_rate;
    if (spec->decay > 0) lr /= 1 + spec->decay * (double)net->base.counters.steps;
    step->lr = (real)lr;
    step->shrink = (real)(lr * spec->weight_decay);
    step->twice_l2 = (real)(2 * spec->l2 + spec->beta / lr);
    if (spec->kind == NN_OPT_adam) {
        step->alpha =
            (real)(lr * sqrt(1 - next->beta_2_power) / (1 - next->beta_1_power));
    } else if (spec->kind == NN_OPT_adamax) {
        step->alpha = (real)(lr / (1 - next->beta_1_power));
    } else if (spec->kind == NN_OPT_nadam) {
        /* u_t = beta_1 (1 - 0.96^t / 2); products over t. */
        double now = next_power(next->schedule_power, 0.96), after = now * 0.96;
        double u_now = spec->beta_1 * (1 - 0.5 * now);
        double u_after = spec->beta_1 * (1 - 0.5 * after);
        next->schedule_power = now;
        next->momentum_product = next_power(next->momentum_product, u_now);
        step->nadam_m = (real)(lr * u_after / (1 - next->momentum_product * u_after));
        step->nadam_g = (real)(lr * (1 - u_now) / (1 - next->momentum_product));
        step->nadam_v = (real)(1 / (1 - next->beta_2_power));
    }
}

/* Apply the rule with gradient g to n parameters at `offset`, then average them. */
static void apply(struct net *net, const struct nn_step *step, size_t offset, size_t n,
                  const real *g)
{
    real *slot[3], *w = net->params + offset;
    for (int s = 0; s < 3; s++)
        slot[s] = net->slots[s] ? net->slots[s] + offset : NULL;
    if (!step->rests)
        net->kernels->optimizer[net->optimizer.kind](w, slot[0], slot[1], slot[2], g, n,
                                                     step);
    if (net->average)
        net->kernels->average(w, net->average + offset, n, step->average,
                              step->overwrites);
}

static void refresh_unit(struct net *net, const struct unit *unit)
{
    struct layer *layer = &net->layers[unit->layer];
    if (layer->has_kernel && !unit->place)
        refresh_transpose(net, layer, unit->panel, unit->width, unit->row, unit->rows);
}

/* Differentiate and update units [first, last), whose gradients stay in the cache. */
static void update_units(struct net *net, const struct nn_step *common, size_t first,
                         size_t last, size_t m, struct workspace *work)
{
    for (size_t i = first; i < last; i++) {
        const struct unit *unit = &net->units[i];
        const struct layer *layer = &net->layers[unit->layer];
        struct nn_step step = *common;
        step.l1 = (real)layer->l1[unit->place];
        step.l2 = (real)(2 * layer->l2[unit->place]);
        if (layer->undecayed[unit->place]) step.shrink = 0;
        size_t n = unit->rows * unit->width;
        differentiate(net, unit, m, work->g, work);
        apply(net, &step, unit->offset, n, work->g);
        refresh_unit(net, unit);
    }
}

/* The same for a team of one with nothing between variables: one pass each. */
static void update_flat(struct net *net, const struct nn_step *step, size_t m,
                        struct workspace *work)
{
    for (size_t i = 0; i < net->n_units; i++)
        differentiate(net, &net->units[i], m, net->grads + net->units[i].offset, work);
    apply(net, step, 0, net->n_params, net->grads);
    for (size_t i = 0; i < net->n_units; i++)
        refresh_unit(net, &net->units[i]);
}

/* ---- sums over whole variables ------------------------------------------------- */

/* Parameters [first, first + n) of a variable in logical order, n <= NN_SUM_BLOCK. */
static void gather_logical(const struct net *net, const struct nn_variable *variable,
                           real *block, size_t first, size_t n, real *out)
{
    const struct layer *layer = &net->layers[variable->layer];
    int has_panels = layer->has_kernel && variable->place == 0;
    for (size_t i = 0; i < n;) {
        size_t k = (first + i) / variable->cols, j = (first + i) % variable->cols;
        size_t run =
            has_panels ? min_size(NN_PANEL - j % NN_PANEL, variable->cols - j) : n - i;
        run = min_size(run, n - i);
        const real *from = element(layer, variable, block, k, j);
        for (size_t e = 0; e < run; e++)
            out[i + e] = from[e];
        i += run;
    }
}

enum block_sums { PENALTIES, SQUARES };

/* This thread's share of the block sums of every variable, into norm_blocks. */
static void sum_blocks(struct net *net, const struct nn_team *team,
                       enum block_sums what)
{
    real values[NN_SUM_BLOCK];
    size_t b = 0;
    for (size_t i = 0; i < net->base.n_variables; i++) {
        const struct nn_variable *v = &net->variables[i];
        const struct layer *layer = &net->layers[v->layer];
        size_t size = v->rows * v->cols;
        int trained = learns(layer, v->place);
        double l1 = trained ? layer->l1[v->place] : 0;
        double l2 = trained ? layer->l2[v->place] : 0;
        int wanted = trained && (what == SQUARES || l1 || l2);
        for (size_t first = 0; first < size; first += NN_SUM_BLOCK, b++) {
            double *out = net->norm_blocks + 2 * b;
            if (b % team->size != team->rank) continue;
            out[0] = out[1] = 0;
            if (!wanted) continue;
            size_t n = min_size(NN_SUM_BLOCK, size - first);
            real *block = what == SQUARES ? net->grads : net->params;
            gather_logical(net, v, block, first, n, values);
            if (what == SQUARES || l2) out[0] = net->kernels->sum_squares(values, n);
            if (what == PENALTIES && l1) out[1] = net->kernels->sum_abs(values, n);
        }
    }
}

/* Block results of variable i joined in order; *b moves past them. */
static void join_blocks(const struct net *net, size_t i, size_t *b, double sums[2])
{
    const struct nn_variable *v = &net->variables[i];
    size_t n = (v->rows * v->cols + NN_SUM_BLOCK - 1) / NN_SUM_BLOCK;
    sums[0] = sums[1] = 0;
    for (size_t end = *b + n; *b < end; (*b)++) {
        sums[0] += net->norm_blocks[2 * *b];
        sums[1] += net->norm_blocks[2 * *b + 1];
    }
}

/* sum over variables of l1 sum|w| + l2 sum w^2, from finished block sums. */
static double join_penalty(const struct net *net)
{
    double penalty = 0, sums[2];
    for (size_t i = 0, b = 0; i < net->base.n_variables; i++) {
        const struct nn_variable *v = &net->variables[i];
        const struct layer *layer = &net->layers[v->layer];
        join_blocks(net, i, &b, sums);
        if (v->place < 2)
            penalty += layer->l2[v->place] * sums[0] + layer->l1[v->place] * sums[1];
    }
    return penalty;
}

/* Factor by which clipping by norm scales the gradient of a unit's variable. */
static double clip_factor(const struct net *net, const struct unit *unit)
{
    double all = 0, own = 0, sums[2];
    for (size_t i = 0, b = 0; i < net->base.n_variables; i++) {
        const struct nn_variable *v = &net->variables[i];
        join_blocks(net, i, &b, sums);
        all += sums[0];
        if (v->layer == unit->layer && v->place == unit->place) own = sums[0];
    }
    double limit = net->optimizer.clipnorm, norm = sqrt(own);
    if (net->optimizer.global_clipnorm > 0) {
        limit = net->optimizer.global_clipnorm;
        norm = sqrt(all);
    }
    return norm > limit || norm != norm ? limit / norm : 1;
}

/* Gradients with their penalties, stored; the first pass of two. */
static void differentiate_units(struct net *net, size_t first, size_t last, size_t m,
                                struct workspace *work)
{
    for (size_t i = first; i < last; i++) {
        const struct unit *unit = &net->units[i];
        const struct layer *layer = &net->layers[unit->layer];
        real *g = net->grads + unit->offset;
        size_t n = unit->rows * unit->width;
        differentiate(net, unit, m, g, work);
        if (net->optimizer.loss_scale > 0)
            net->kernels->divide(g, g, n, (real)net->optimizer.loss_scale);
        double l1 = layer->l1[unit->place], l2 = layer->l2[unit->place];
        if (l1 || l2)
            net->kernels->add_penalty(g, net->params + unit->offset, n, (real)l1,
                                      (real)(2 * l2));
    }
}

/* The batch's gradients join the sum; when an update is due, they become its mean. */
static void accumulate_units(struct net *net, const struct nn_step *step, size_t first,
                             size_t last)
{
    for (size_t i = first; i < last; i++) {
        const struct unit *unit = &net->units[i];
        real *g = net->grads + unit->offset, *sum = net->accumulated + unit->offset;
        size_t n = unit->rows * unit->width;
        net->kernels->accumulate(sum, g, n);
        if (step->rests) continue;
        net->kernels->divide(g, sum, n, (real)net->optimizer.accumulation_steps);
        memset(sum, 0, n * sizeof *sum);
    }
}

/* The second pass: scale by the norm's factor and apply. */
static void update_stored(struct net *net, const struct nn_step *common, size_t first,
                          size_t last)
{
    struct nn_step step = *common;
    for (size_t i = first; i < last; i++) {
        const struct unit *unit = &net->units[i];
        const struct unit *before = i > first ? unit - 1 : NULL;
        int is_same =
            before && before->layer == unit->layer && before->place == unit->place;
        if (net->clips_by_norm && !step.rests && !is_same)
            step.scale = (real)clip_factor(net, unit);
        int undecayed = net->layers[unit->layer].undecayed[unit->place];
        step.shrink = undecayed ? 0 : common->shrink;
        apply(net, &step, unit->offset, unit->rows * unit->width,
              net->grads + unit->offset);
        refresh_unit(net, unit);
    }
}
