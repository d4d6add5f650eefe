/* train.c: the batch loop: the whole of nn_net_train, nn_net_evaluate, nn_net_gradient.

   One parallel region spans a call. All threads run the same steps: a thread takes its
   own rows through forward, loss and backward; meets the others; updates its own units
   of parameters; meets them again. Thread 0 alone writes sums, counters and reports. */
#include <math.h>
#include <string.h>

#include "engine/net.h"

/* ---- sums over rows ------------------------------------------------------------ */

/* Whether every row counts the same in the loss, weights apart: it is then the mean
   over the rows of an epoch, else that of its batches. */
static int is_mean_of_rows(const struct net *net)
{
    return net->loss.reduction == NN_REDUCE_MEAN && !net->loss.args.ignores;
}

/* The batch's loss, penalty apart. */
static double batch_loss(const struct net *net, const struct nn_batch *batch)
{
    struct nn_row_sum sum = {0};
    net->kernels->add_rows(&sum, 0, net->values,
                           batch->weights ? net->row_weights : NULL, batch->m);
    return batch->scale * net->kernels->row_total(&sum);
}

/* The values of a batch join the sums. */
static void add_batch(const struct net *net, struct sums *sums,
                      const struct nn_batch *batch, double penalty)
{
    size_t n_metrics = net->base.n_metrics, at = sums->n_rows, m = batch->m;
    const real *weights = batch->weights ? net->row_weights : NULL;
    if (is_mean_of_rows(net))
        net->kernels->add_rows(&sums->of[0], at, net->values, weights, m);
    else
        sums->losses += batch_loss(net, batch) * (double)m;
    for (size_t k = 0; k < n_metrics; k++)
        net->kernels->add_rows(&sums->of[1 + k], at,
                               net->values + (1 + k) * net->capacity,
                               net->metrics[k].weighted ? weights : NULL, m);
    if (weights) net->kernels->add_rows(&sums->of[1 + n_metrics], at, weights, NULL, m);
    if (net->has_activity)
        net->kernels->add_rows(&sums->of[2 + n_metrics], at, net->activity, NULL, m);
    sums->n_weighted += weights ? m : 0;
    sums->n_rows += m;
    sums->penalties += penalty * (double)m;
}

/* row = the means so far: [1 + n_metrics]. */
static void report_sums(const struct net *net, const struct sums *sums, double *row)
{
    double n = sums->n_rows ? (double)sums->n_rows : 1;
    double losses = sums->losses, penalties = sums->penalties;
    if (is_mean_of_rows(net))
        losses = net->loss.weight * net->kernels->row_total(&sums->of[0]);
    if (net->has_activity)
        penalties += net->kernels->row_total(&sums->of[2 + net->base.n_metrics]);
    row[0] = (losses + penalties) / n;
    for (size_t k = 0; k < net->base.n_metrics; k++) {
        double sum = net->kernels->row_total(&sums->of[1 + k]), weight = n;
        if (net->metrics[k].weighted && sums->n_weighted)
            weight = net->kernels->row_total(&sums->of[1 + net->base.n_metrics]) +
                     (double)(sums->n_rows - sums->n_weighted);
        row[1 + k] = weight ? net->metrics[k].loss.weight * sum / weight : 0;
    }
}

/* ---- one batch ----------------------------------------------------------------- */

/* What the sum of a batch's weighted losses is divided by. */
static double loss_divisor(const struct net *net, const struct nn_batch *batch)
{
    double sum = 0;
    if (net->loss.reduction == NN_REDUCE_SUM) return 1;
    int weighs = net->loss.reduction == NN_REDUCE_WEIGHTED_MEAN && batch->weights;
    if (!weighs && !net->loss.args.ignores) return (double)batch->m;
    for (size_t i = batch->start; i < batch->start + batch->m; i++) {
        size_t row = batch->order ? batch->order[i] : i;
        real label = batch->y[(ptrdiff_t)row * batch->y_stride];
        if (net->loss.args.ignores && label == net->loss.args.ignored) continue;
        sum += weighs ? (double)batch->weights[row] : 1;
    }
    return sum;
}

static struct nn_batch batch_of(const struct net *net, const nn_data *data,
                                const uint32_t *order, size_t start, size_t m,
                                real *outputs)
{
    struct nn_batch batch = {.x = data->x,
                             .y = data->y,
                             .weights = data->weights,
                             .x_stride = data->x_stride,
                             .y_stride = data->y_stride,
                             .order = order,
                             .start = start,
                             .m = m,
                             .outputs = outputs};
    double divisor = loss_divisor(net, &batch);
    batch.scale = divisor != 0 ? net->loss.weight / divisor : 0;
    return batch;
}

/* Point at this thread's rows of x, and copy its targets and weights. */
static void fetch(struct net *net, const struct nn_batch *batch, size_t first,
                  size_t last)
{
    const uint32_t *order = batch->order ? batch->order + batch->start : NULL;
    const size_t columns = net->base.target_columns;
    const real **x_rows = net->x_rows;
    real *targets = net->targets + first * columns;
    if (net->has_activity)
        memset(net->activity + first, 0, (last - first) * sizeof(real));
    for (size_t i = first; i < last; i++) {
        ptrdiff_t row = order ? (ptrdiff_t)order[i] : (ptrdiff_t)(batch->start + i);
        const real *t = batch->y + row * batch->y_stride;
        x_rows[i] = batch->x + row * batch->x_stride;
        *targets++ = *t;
        for (size_t j = 1; j < columns; j++)
            *targets++ = t[j];
        if (batch->weights) net->row_weights[i] = batch->weights[row];
    }
}

/* Outputs of rows [first, last) of a batch. */
static void copy_rows(const struct net *net, const struct nn_batch *batch, size_t first,
                      size_t last)
{
    size_t n_out = net->base.n_out;
    memcpy(batch->outputs + first * n_out,
           net->layers[net->base.n_layers - 1].u + first * n_out,
           (last - first) * n_out * sizeof(real));
}

/* This thread's rows in parts of at most CHUNK_ROWS: the next part of [*first, end). */
static int next_chunk(size_t *first, size_t *last, size_t end)
{
    size_t chunks = (end - *last + CHUNK_ROWS - 1) / CHUNK_ROWS;
    if (!chunks) return 0;
    *first = *last;
    *last += (end - *first + chunks - 1) / chunks;
    return 1;
}

/* Everything of a batch that a row needs no other row for, part by part. */
static void run_rows(struct net *net, const struct nn_batch *batch,
                     const struct nn_team *team, int learns, int trains,
                     const struct workspace *work)
{
    size_t first = 0, last, end, n = batch->m;
    share(n, team->rank, team->size, &last, &end);
    const real *weights = batch->weights ? net->row_weights : NULL;
    while (next_chunk(&first, &last, end)) {
        fetch(net, batch, first, last);
        for (size_t l = 0; l < net->base.n_layers; l++)
            forward_layer(net, l, first, last, n, trains, work);
        measure(net, first, last, batch->scale, learns, weights);
        if (batch->outputs) copy_rows(net, batch, first, last);
        for (size_t l = net->base.n_layers; learns && l-- > 0;) {
            if (!is_reached(&net->layers[l])) break;
            backward_to_z(net, l, first, last, n, trains);
            if (!net->layers[l].needs_dx) break;
            backward_to_below(net, l, first, last, n, trains, work);
        }
    }
}

/* The same where some layer of a training step needs all rows of the batch: all threads
   go layer by layer. */
static void run_rows_together(struct net *net, const struct nn_batch *batch,
                              const struct nn_team *team, const struct workspace *work)
{
    size_t begin, first = 0, last, end, n = batch->m;
    share(n, team->rank, team->size, &begin, &end);
    fetch(net, batch, begin, end);
    for (size_t l = 0; l < net->base.n_layers; l++) {
        if (crosses_rows(&net->layers[l])) take_statistics(net, l, n, team);
        for (last = begin; next_chunk(&first, &last, end);)
            forward_layer(net, l, first, last, n, 1, work);
    }
    for (last = begin; next_chunk(&first, &last, end);) {
        measure(net, first, last, batch->scale, 1,
                batch->weights ? net->row_weights : NULL);
        if (batch->outputs) copy_rows(net, batch, first, last);
    }
    for (size_t l = net->base.n_layers; l-- > 0;) {
        if (!is_reached(&net->layers[l])) break;
        for (last = begin; next_chunk(&first, &last, end);)
            backward_to_z(net, l, first, last, n, 1);
        if (!net->layers[l].needs_dx) break;
        if (crosses_rows(&net->layers[l])) take_sums(net, l, n, team);
        for (last = begin; next_chunk(&first, &last, end);)
            backward_to_below(net, l, first, last, n, 1, work);
    }
}

/* ---- train --------------------------------------------------------------------- */

/* One step, planned by thread 0 while the one before is applied. */
struct step_plan {
    struct nn_batch batch;
    struct nn_step step;
    nn_counters next; /* after the step */
    int done;         /* there is no further step */
};

struct train_job {
    struct net *net;
    const nn_train_args *args;
    double *report;
    nn_train_result *result;
    struct step_plan plans[2]; /* of even and odd steps */
    long long end;             /* of the time for this call; 0: none */
    size_t steps_per_look;     /* at the clock */
};

/* Whether the time is up. A team's steps may each wait for a CPU, and long ones add up;
   where they are short, the clock would cost as much as they do. */
static int is_late(const struct train_job *job)
{
    size_t done = job->result->batches;
    return job->end && done && done % job->steps_per_look == 0 &&
           nn_clock() >= job->end;
}

/* The order of the epoch that begins: drawn now, or one of those drawn before. */
static const uint32_t *next_order(struct net *net, size_t n)
{
    nn_counters *counters = &net->base.counters;
    struct orders *orders = &net->orders;
    uint64_t epoch = counters->epochs_lived++;
    if (orders->n_rows != n || orders->seed != counters->seed ||
        epoch - orders->epoch >= orders->n_epochs) {
        orders->n_rows = n;
        orders->n_epochs = epochs_drawn(n);
        orders->seed = counters->seed;
        orders->epoch = epoch;
        net->kernels->shuffle(orders->of, n, counters->seed, epoch, orders->n_epochs);
    }
    return orders->of + (epoch - orders->epoch) * n;
}

static void begin_epoch(struct net *net, const nn_train_args *args)
{
    size_t n = args->data.n_rows, start = args->start;
    // Row 0 of the data may lie before the epoch: first wraps, and back with start.
    net->epoch = (struct epoch){.begun = 1,
                                .is_stream = args->data.is_stream,
                                .first = -start,
                                .n_rows = n - start};
    reset_sums(net, &net->train_sums);
    if (args->shuffle && !args->order) net->epoch.order = next_order(net, n);
}

static void plan_step(struct train_job *job, struct step_plan *plan)
{
    struct net *net = job->net;
    const nn_train_args *args = job->args;
    struct epoch *epoch = &net->epoch;
    size_t done = job->result->rows;
    size_t left = epoch->begun ? epoch->n_rows - epoch->position
                               : args->data.n_rows - args->start;
    size_t m = min_size(args->batch_size, left);
    plan->done = job->result->batches >= args->max_batches ||
                 job->result->epochs >= args->max_epochs || is_late(job) ||
                 (args->outputs.y && m > args->outputs.room - done);
    if (plan->done) return;
    if (!epoch->begun) begin_epoch(net, args);
    const uint32_t *order = args->order ? args->order : epoch->order;
    real *outputs = args->outputs.y;
    if (outputs) outputs += done * net->base.n_out;
    plan->batch =
        batch_of(net, &args->data, order, epoch->position - epoch->first, m, outputs);
    const double *rates = args->learning_rates;
    double rate = rates ? rates[job->result->batches] : args->learning_rate;
    advance_step(net, rate, &plan->step, &plan->next);
}

/* Numbers of a batch's rows, behind those of the batches before. */
static void number_rows(const struct train_job *job, const struct nn_batch *batch)
{
    uint32_t *number = job->args->outputs.number + job->result->rows;
    for (size_t i = 0; i < batch->m; i++)
        number[i] = batch->order ? batch->order[batch->start + i]
                                 : (uint32_t)(batch->start + i);
}

/* The batch is measured: sum it, count its step, close the epoch if it was the last. */
static void close_step(struct train_job *job, const struct step_plan *plan,
                       double penalty)
{
    struct net *net = job->net;
    struct epoch *epoch = &net->epoch;
    add_batch(net, &net->train_sums, &plan->batch, penalty);
    if (plan->batch.outputs) number_rows(job, &plan->batch);
    job->result->rows += plan->batch.m;
    epoch->position += plan->batch.m;
    epoch->batch++;
    job->result->batches++;
    net->base.counters = plan->next;
    if (epoch->position < epoch->n_rows) return;
    size_t width = 1 + net->base.n_metrics;
    report_sums(net, &net->train_sums, job->report + job->result->epochs * width);
    job->result->epochs++;
    epoch->begun = job->args->data.is_stream;
}

static void update(struct net *net, const struct step_plan *plan,
                   const struct nn_team *team, size_t first, size_t last,
                   struct workspace *work)
{
    size_t m = plan->batch.m;
    work->layer = NO_LAYER;
    if (net->base.is_tiny) {
        tiny_update(net, &plan->batch, &plan->step, team);
    } else if (net->stores_gradients) {
        differentiate_units(net, first, last, m, work);
        if (net->accumulated) accumulate_units(net, &plan->step, first, last);
        if (net->clips_by_norm && !plan->step.rests) {
            nn_barrier_wait(team);
            sum_blocks(net, team, SQUARES);
            nn_barrier_wait(team);
        }
        update_stored(net, &plan->step, first, last);
    } else if (net->is_flat && team->size == 1 && net->n_params <= NN_FLAT_PARAMS) {
        update_flat(net, &plan->step, m, work);
    } else {
        update_units(net, &plan->step, first, last, m, work);
    }
    if (net->crosses_rows && team->rank == 0) move_statistics(net);
    if (net->is_constrained) constrain(net, team);
}

static void train_thread(void *context, const struct nn_team *team)
{
    struct train_job *job = context;
    struct net *net = job->net;
    size_t first, last;
    share_units(net, team, &first, &last);
    struct workspace work = workspace_of(net, team->rank);
    if (team->rank == 0) plan_step(job, &job->plans[0]);
    nn_barrier_wait(team);
    for (int odd = 0; !job->plans[odd].done; odd = !odd) {
        const struct step_plan *plan = &job->plans[odd];
        if (net->base.is_tiny)
            tiny_measure(net, &plan->batch, team);
        else if (net->crosses_rows)
            run_rows_together(net, &plan->batch, team, &work);
        else
            run_rows(net, &plan->batch, team, 1, 1, &work);
        if (net->has_penalty) sum_blocks(net, team, PENALTIES);
        nn_barrier_wait(team);
        double penalty = net->has_penalty ? join_penalty(net) : 0;
        int is_finite = 0 * penalty == 0 &&
                        net->kernels->all_finite(
                            net->values, plan->batch.weights ? net->row_weights : NULL,
                            plan->batch.m);
        if (net->has_activity)
            is_finite &= net->kernels->all_finite(net->activity, NULL, plan->batch.m);
        int stops = !is_finite && job->args->on_nan == NN_NAN_STOP;
        if (team->rank == 0) {
            if (!is_finite && !job->result->is_nan) {
                job->result->is_nan = 1;
                job->result->nan_batch = net->epoch.batch;
            }
            if (stops) {
                job->plans[!odd].done = 1;
            } else {
                close_step(job, plan, penalty);
                plan_step(job, &job->plans[!odd]);
            }
        }
        if (!stops) update(net, plan, team, first, last, &work);
        nn_barrier_wait(team);
    }
}

/* The engine for steps of n_rows rows, and its team. In kernels/tiny.c threads share
   only chains of rows: where it is not much faster, a larger team is. */
static unsigned model_engine(struct net *net, size_t n_rows, unsigned wish)
{
    net->base.is_tiny = runs_tiny(net, n_rows, 2);
    unsigned team = team_for(net, n_rows, 1, wish);
    if (!net->base.is_tiny || runs_tiny(net, n_rows, 0.75)) return team;
    net->base.is_tiny = 0;
    unsigned larger = team_for(net, n_rows, 1, wish);
    net->base.is_tiny = larger <= team;
    return net->base.is_tiny ? team : larger;
}

/* The same, but one thread where a trial showed that it is faster. */
static unsigned choose_engine(struct net *net, size_t n_rows, const nn_train_args *args,
                              int *is_tried)
{
    unsigned team = model_engine(net, n_rows, args->threads);
    *is_tried = team > 1 && !net->forced_threads && args->max_batches >= TRIAL_STEPS &&
                microseconds(&net->base, n_rows, 1) < TRIED_STEP_US;
    if (!*is_tried || prefers_team(net, n_rows, team)) return team;
    net->base.is_tiny = runs_tiny(net, n_rows, 2);
    return 1;
}

/* Keep the epoch under way if these rows go on with it. */
static void resume_epoch(struct net *net, const nn_train_args *args)
{
    struct epoch *epoch = &net->epoch;
    size_t n = args->data.n_rows;
    if (!epoch->is_stream != !args->data.is_stream) epoch->begun = 0;
    if (!epoch->begun) return;
    if (epoch->is_stream) {
        epoch->first = epoch->position - args->start;
        epoch->n_rows = epoch->first + n;
    } else if (epoch->n_rows != n || epoch->position == n) {
        epoch->begun = 0;
    }
}

static nn_status train_taken(struct net *net, const nn_train_args *args, double *report,
                             nn_train_result *result)
{
    size_t n = args->data.n_rows;
    if (!net->base.is_compiled) return NN_ERR_STATE;
    if (n == 0 || n > UINT32_MAX || args->batch_size == 0 ||
        args->report_columns != 1 + net->base.n_metrics)
        return NN_ERR_SIZE;
    if (args->data.is_stream && (args->shuffle || args->max_epochs != 1))
        return NN_ERR_SIZE;
    if (args->start >= n || (args->start && !args->data.is_stream)) return NN_ERR_SIZE;
    size_t rows = min_size(args->batch_size, n);
    if (args->outputs.y && args->outputs.room < rows) return NN_ERR_SIZE;
    nn_status status = ensure_capacity(net, rows);
    if (status) return status;
    struct train_job job = {
        .net = net, .args = args, .report = report, .result = result};
    for (int i = 0; i < 2; i++)
        prepare_step(net, &job.plans[i].step);
    int is_tried, was_tiny = net->base.is_tiny;
    unsigned team = choose_engine(net, rows, args, &is_tried);
    if (net->base.is_tiny) {
        status = ensure_tiny(net, rows, team);
    } else {
        refresh_transposes(net);
        status = ensure_work(net, team);
    }
    // Last: what it frees, an epoch of other rows may still need.
    if (!status && args->shuffle && !args->order) status = ensure_orders(net, n);
    if (status) {
        net->base.is_tiny = was_tiny;
        return status;
    }
    resume_epoch(net, args);
    net->wt_is_stale = net->base.is_tiny;
    double step = microseconds(&net->base, rows, 1);
    job.steps_per_look = team > 1 || step > 2 ? 1 : 16;
    if (args->seconds > 0) job.end = nn_clock() + (long long)(args->seconds * 1e6);
    long long began = is_tried ? nn_clock() : 0;
    net->base.last_team = net->forced_threads
                              ? nn_parallel(team, train_thread, &job)
                              : nn_parallel_steps(team, train_thread, &job, step);
    if (is_tried && (net->base.last_team > 1) == (team > 1))
        note_trial(net, team > 1, (double)(nn_clock() - began), result->batches);
    refresh_inverses(net);
    return NN_OK;
}

static nn_status train(nn_net *base, const nn_train_args *args, double *report,
                       nn_train_result *result)
{
    struct net *net = net_of(base);
    *result = (nn_train_result){0};
    nn_status status = take(net, 1, args->patience);
    if (status) return status;
    status = train_taken(net, args, report, result);
    give_back_changed(net);
    return status;
}

static nn_status reset_epoch(nn_net *base)
{
    struct net *net = net_of(base);
    nn_status status = take_for_change(net);
    if (status) return status;
    net->epoch.begun = 0;
    give_back_changed(net);
    return NN_OK;
}

static nn_status running(nn_net *base, double *row, size_t columns)
{
    struct net *net = net_of(base);
    nn_status status = take_for_reading(net);
    if (status) return status;
    if (columns != 1 + base->n_metrics)
        status = NN_ERR_SIZE;
    else if (base->is_compiled && net->epoch.begun)
        report_sums(net, &net->train_sums, row);
    else
        memset(row, 0, columns * sizeof *row);
    give_back_read(net);
    return status;
}

static nn_status get_counters(nn_net *base, nn_counters *counters)
{
    struct net *net = net_of(base);
    nn_status status = take_for_reading(net);
    if (status) return status;
    *counters = base->counters;
    give_back_read(net);
    return NN_OK;
}

static nn_status set_counters(nn_net *base, const nn_counters *counters)
{
    struct net *net = net_of(base);
    nn_status status = take_for_change(net);
    if (status) return status;
    base->counters = *counters;
    net->epoch.begun = 0;
    give_back_changed(net);
    return NN_OK;
}

/* The epoch under way as numbers: these, then its sums. */
enum {
    BEGUN,
    DRAWN,
    ROWS,
    POSITION,
    BATCHES,
    LOSSES,
    PENALTY,
    WEIGHTED,
    EPOCH_NUMBERS
};

enum { STREAMING = 2 }; /* BEGUN of a stream */

static size_t epoch_sums(const nn_net *base)
{
    return (3 + base->n_metrics) * sizeof(struct nn_row_sum);
}

static size_t epoch_size(const nn_net *base)
{
    return EPOCH_NUMBERS + epoch_sums(base) / sizeof(double);
}

static nn_status get_epoch(nn_net *base, double *out, size_t n)
{
    struct net *net = net_of(base);
    nn_status status = take_for_reading(net);
    if (status) return status;
    const struct epoch *epoch = &net->epoch;
    const struct sums *sums = &net->train_sums;
    if (!base->is_compiled || n != epoch_size(base)) {
        status = base->is_compiled ? NN_ERR_SIZE : NN_ERR_STATE;
    } else {
        memset(out, 0, n * sizeof *out);
        if (epoch->begun) {
            out[BEGUN] = epoch->is_stream ? STREAMING : 1;
            out[DRAWN] = epoch->order != NULL;
            out[ROWS] = (double)epoch->n_rows;
            out[POSITION] = (double)epoch->position;
            out[BATCHES] = (double)epoch->batch;
            out[LOSSES] = sums->losses;
            out[PENALTY] = sums->penalties;
            out[WEIGHTED] = (double)sums->n_weighted;
            memcpy(out + EPOCH_NUMBERS, sums->of, epoch_sums(base));
        }
    }
    give_back_read(net);
    return status;
}

#define MAX_EXACT 9007199254740992.0 /* whole numbers up to here are doubles */

static nn_status set_epoch_taken(struct net *net, const double *in, size_t n)
{
    if (!net->base.is_compiled) return NN_ERR_STATE;
    if (n != epoch_size(&net->base)) return NN_ERR_SIZE;
    if (in[BEGUN] == 0) {
        net->epoch.begun = 0;
        return NN_OK;
    }
    int is_stream = in[BEGUN] == STREAMING && in[DRAWN] == 0;
    // A stream has no last row: it may stand behind all that it gave, however many.
    double most = is_stream ? MAX_EXACT : UINT32_MAX, last = in[ROWS] - !is_stream;
    // Also where one of them is NaN.
    if (!(in[ROWS] <= most && in[POSITION] >= 0 && in[POSITION] <= last &&
          in[BATCHES] >= 0 && in[BATCHES] <= in[POSITION] && in[WEIGHTED] >= 0 &&
          in[WEIGHTED] <= in[POSITION]))
        return NN_ERR_SIZE;
    struct epoch epoch = {.begun = 1,
                          .is_stream = is_stream,
                          .n_rows = (size_t)in[ROWS],
                          .position = (size_t)in[POSITION],
                          .batch = (size_t)in[BATCHES]};
    if (in[DRAWN] != 0) {
        if (net->base.counters.epochs_lived == 0) return NN_ERR_SPEC;
        nn_status status = ensure_orders(net, epoch.n_rows);
        if (status) return status;
        net->base.counters.epochs_lived--;
        epoch.order = next_order(net, epoch.n_rows);
    }
    struct sums *sums = &net->train_sums;
    sums->n_rows = epoch.position;
    sums->losses = in[LOSSES];
    sums->penalties = in[PENALTY];
    sums->n_weighted = (size_t)in[WEIGHTED];
    memcpy(sums->of, in + EPOCH_NUMBERS, epoch_sums(&net->base));
    net->epoch = epoch;
    return NN_OK;
}

static nn_status set_epoch(nn_net *base, const double *in, size_t n)
{
    struct net *net = net_of(base);
    nn_status status = take_for_change(net);
    if (status) return status;
    status = set_epoch_taken(net, in, n);
    give_back_changed(net);
    return status;
}

/* ---- evaluate and gradient ----------------------------------------------------- */

struct measure_job {
    struct net *net;
    struct nn_batch batch;
    int learns;
};

static void measure_thread(void *context, const struct nn_team *team)
{
    struct measure_job *job = context;
    struct net *net = job->net;
    struct workspace work = workspace_of(net, team->rank);
    run_rows(net, &job->batch, team, job->learns, 0, &work);
    if (net->has_penalty) sum_blocks(net, team, PENALTIES);
    if (job->learns) {
        size_t first, last;
        share_units(net, team, &first, &last);
        nn_barrier_wait(team);
        differentiate_units(net, first, last, job->batch.m, &work);
    }
}

/* Rows measured at once: enough for a team, few enough for its caches and memory. */
static size_t evaluation_rows(const struct net *net)
{
    size_t columns = 1;
    for (size_t l = 0; l < net->base.n_layers; l++)
        columns += 3 * net->layers[l].n_out;
    size_t rows = (8 << 20) / sizeof(real) / columns;
    return rows < 64 ? 64 : min_size(rows, 2048);
}

/* The forward pass and the loss of a batch, and its gradients, by a team; by one thread
   where the machine is too busy for teams. */
static void measure_in_team(struct net *net, unsigned team, struct measure_job *job,
                            size_t n_rows)
{
    double alone = microseconds(&net->base, n_rows, job->learns);
    net->base.last_team = net->forced_threads
                              ? nn_parallel(team, measure_thread, job)
                              : nn_parallel_brief(team, measure_thread, job, alone);
}

static nn_status evaluate_taken(struct net *net, const nn_evaluate_args *args,
                                double *report)
{
    const nn_data *data = &args->data;
    struct sums *sums = &net->eval_sums;
    size_t first = args->first, n = args->n;
    int by_batch = !is_mean_of_rows(net);
    if (!net->base.is_compiled) return NN_ERR_STATE;
    size_t row = data->is_stream ? 0 : first;
    if (data->n_rows == 0 || row > data->n_rows || n > data->n_rows - row || n == 0 ||
        args->report_columns != 1 + net->base.n_metrics || args->batch_size == 0)
        return NN_ERR_SIZE;
    if (first && first != sums->n_rows) return NN_ERR_SIZE;
    size_t end = row + n;
    size_t block = min_size(n, by_batch ? args->batch_size : evaluation_rows(net));
    if (by_batch && end < data->n_rows && n % args->batch_size) return NN_ERR_SIZE;
    unsigned team = team_for(net, block, 0, args->threads);
    nn_status status = ensure_capacity(net, block);
    if (!status) status = ensure_work(net, team);
    if (status) return status;
    if (first == 0) reset_sums(net, sums);
    for (real *outputs = args->outputs; row < end;) {
        size_t m = min_size(block, end - row);
        struct measure_job job = {net, batch_of(net, data, NULL, row, m, outputs), 0};
        measure_in_team(net, team, &job, m);
        add_batch(net, sums, &job.batch, 0);
        if (outputs) outputs += m * net->base.n_out;
        row += m;
    }
    if (end < data->n_rows && !data->is_stream) return NN_OK;
    // Once: the same for all rows, whatever the parts.
    if (net->has_penalty) sums->penalties = join_penalty(net) * (double)sums->n_rows;
    report_sums(net, sums, report);
    return NN_OK;
}

static nn_status evaluate(nn_net *base, const nn_evaluate_args *args, double *report)
{
    struct net *net = net_of(base);
    nn_status status = take(net, 1, args->patience);
    if (status) return status;
    status = evaluate_taken(net, args, report);
    give_back_changed(net);
    return status;
}

static nn_status gradient_taken(struct net *net, const nn_data *data, unsigned threads,
                                double *loss)
{
    if (!net->base.is_compiled) return NN_ERR_STATE;
    if (data->n_rows == 0) return NN_ERR_SIZE;
    nn_status status = ensure_capacity(net, data->n_rows);
    if (status) return status;
    int was_tiny = net->base.is_tiny;
    net->base.is_tiny = 0;
    unsigned team = team_for(net, data->n_rows, 1, threads);
    status = ensure_work(net, team);
    if (status) {
        net->base.is_tiny = was_tiny;
        return status;
    }
    refresh_transposes(net);
    struct measure_job job = {net, batch_of(net, data, NULL, 0, data->n_rows, NULL), 1};
    measure_in_team(net, team, &job, data->n_rows);
    double activity = 0;
    if (net->has_activity) {
        struct nn_row_sum sum = {0};
        net->kernels->add_rows(&sum, 0, net->activity, NULL, data->n_rows);
        activity = net->kernels->row_total(&sum) / (double)data->n_rows;
    }
    *loss = batch_loss(net, &job.batch) + activity +
            (net->has_penalty ? join_penalty(net) : 0);
    return NN_OK;
}

static nn_status loss_gradient(nn_net *base, const nn_data *data, unsigned threads,
                               double *loss)
{
    struct net *net = net_of(base);
    nn_status status = take_for_change(net);
    if (status) return status;
    status = gradient_taken(net, data, threads, loss);
    give_back_changed(net);
    return status;
}
