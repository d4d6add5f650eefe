/* train.c: the batch loop: the whole of nn_net_train, nn_net_evaluate, nn_net_gradient.

   One parallel region spans a call. All threads run the same steps: a thread takes its
   own rows through forward, loss and backward; meets the others; updates its own units
   of parameters; meets them again. Thread 0 alone writes sums, counters and reports. */
#include <math.h>
#include <string.h>

#include "engine/net.h"

/* ---- sums over rows ------------------------------------------------------------ */

static double join_lanes(const double lanes[NN_ROW_LANES])
{
    double sum[NN_ROW_LANES];
    memcpy(sum, lanes, sizeof sum);
    for (size_t half = NN_ROW_LANES / 2; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            sum[i] += sum[i + half];
    return sum[0];
}

static double total(const struct row_sum *sum)
{
    return sum->blocks + join_lanes(sum->lanes);
}

/* Row number `position` of the sum's rows has this value. */
static void add_row(struct row_sum *sum, size_t position, double value)
{
    sum->lanes[position % NN_ROW_LANES] += value;
    if ((position + 1) % NN_SUM_BLOCK == 0) {
        sum->blocks += join_lanes(sum->lanes);
        memset(sum->lanes, 0, sizeof sum->lanes);
    }
}

static void reset_sums(const struct net *net, struct sums *sums)
{
    memset(sums->of, 0, (2 + net->base.n_metrics) * sizeof *sums->of);
    sums->n_rows = 0;
    sums->penalties = 0;
}

/* Rows [0, m) of values join the sums. */
static void add_batch(const struct net *net, struct sums *sums, size_t m,
                      const real *weights, double penalty)
{
    size_t n_metrics = net->base.n_metrics, at = sums->n_rows;
    for (size_t i = 0; i < m; i++) {
        double weight = weights ? (double)weights[i] : 1;
        add_row(&sums->of[0], at + i, weight * (double)net->values[i]);
    }
    for (size_t k = 0; k < n_metrics; k++) {
        const real *values = net->values + (1 + k) * net->capacity;
        int weighted = net->metrics[k].weighted && weights;
        for (size_t i = 0; i < m; i++) {
            double weight = weighted ? (double)weights[i] : 1;
            add_row(&sums->of[1 + k], at + i, weight * (double)values[i]);
        }
    }
    if (weights)
        for (size_t i = 0; i < m; i++)
            add_row(&sums->of[1 + n_metrics], at + i, (double)weights[i]);
    sums->n_rows += m;
    sums->penalties += penalty * (double)m;
}

/* row = the means so far: [1 + n_metrics]. */
static void report_sums(const struct net *net, const struct sums *sums, int weighted,
                        double *row)
{
    double n = sums->n_rows ? (double)sums->n_rows : 1;
    row[0] = (total(&sums->of[0]) + sums->penalties) / n;
    for (size_t k = 0; k < net->base.n_metrics; k++) {
        int by_weight = weighted && net->metrics[k].weighted;
        double sum = total(&sums->of[1 + k]);
        double weight = by_weight ? total(&sums->of[1 + net->base.n_metrics]) : n;
        row[1 + k] = weight ? sum / weight : 0;
    }
}

/* ---- one batch ----------------------------------------------------------------- */

struct batch {
    const nn_data *data;
    const uint32_t *order; /* NULL: rows as they lie */
    size_t start, m;       /* first position in the order; rows */
};

/* Point at this thread's rows of x, and copy its targets and weights. */
static void fetch(struct net *net, const struct batch *batch, size_t first, size_t last)
{
    const nn_data *data = batch->data;
    const real *x = data->x, *y = data->y, *weights = data->weights;
    size_t columns = net->base.target_columns;
    for (size_t i = first; i < last; i++) {
        size_t at = batch->start + i, row = batch->order ? batch->order[at] : at;
        net->x_rows[i] = x + (ptrdiff_t)row * data->x_stride;
        const real *t = y + (ptrdiff_t)row * data->y_stride;
        for (size_t j = 0; j < columns; j++)
            net->targets[i * columns + j] = t[j];
        if (weights) net->row_weights[i] = weights[row];
    }
}

/* Everything of a batch that a row needs no other row for. */
static void run_rows(struct net *net, const struct batch *batch,
                     const struct nn_team *team, int learns, int drops)
{
    size_t first, last;
    share(batch->m, team->rank, team->size, &first, &last);
    if (first == last) return;
    fetch(net, batch, first, last);
    forward(net, first, last, drops);
    measure(net, first, last, batch->m, learns,
            batch->data->weights ? net->row_weights : NULL);
    if (learns) backward(net, first, last, drops);
}

static int loss_is_finite(const struct net *net, const struct batch *batch,
                          double penalty)
{
    double probe = 0 * penalty;
    int weighted = batch->data->weights != NULL;
    for (size_t i = 0; i < batch->m; i++)
        probe += 0 * (weighted ? net->values[i] * net->row_weights[i] : net->values[i]);
    return probe == 0;
}

/* ---- train --------------------------------------------------------------------- */

/* One step, planned by thread 0 while the one before is applied. */
struct step_plan {
    struct batch batch;
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
};

static void begin_epoch(struct net *net, const nn_train_args *args)
{
    struct epoch *epoch = &net->epoch;
    *epoch = (struct epoch){.begun = 1, .n_rows = args->data.n_rows};
    reset_sums(net, &net->train_sums);
    if (args->shuffle && !args->order) {
        nn_counters *counters = &net->base.counters;
        nn_shuffle(net->order, epoch->n_rows, counters->seed, counters->epochs_lived);
        counters->epochs_lived++;
        epoch->shuffled = 1;
    }
}

static void plan_step(struct train_job *job, struct step_plan *plan)
{
    struct net *net = job->net;
    const nn_train_args *args = job->args;
    struct epoch *epoch = &net->epoch;
    plan->done = job->result->batches >= args->max_batches ||
                 job->result->epochs >= args->max_epochs;
    if (plan->done) return;
    if (!epoch->begun) begin_epoch(net, args);
    plan->batch = (struct batch){
        .data = &args->data,
        .order = args->order       ? args->order
                 : epoch->shuffled ? net->order
                                   : NULL,
        .start = epoch->position,
        .m = min_size(args->batch_size, epoch->n_rows - epoch->position)};
    prepare_step(net, args->learning_rate, &plan->step, &plan->next);
}

/* The batch is measured: sum it, count its step, close the epoch if it was the last. */
static void close_step(struct train_job *job, const struct step_plan *plan,
                       double penalty)
{
    struct net *net = job->net;
    struct epoch *epoch = &net->epoch;
    const real *weights = plan->batch.data->weights ? net->row_weights : NULL;
    add_batch(net, &net->train_sums, plan->batch.m, weights, penalty);
    epoch->position += plan->batch.m;
    epoch->batch++;
    job->result->batches++;
    net->base.counters = plan->next;
    if (epoch->position < epoch->n_rows) return;
    size_t width = 1 + net->base.n_metrics;
    report_sums(net, &net->train_sums, weights != NULL,
                job->report + job->result->epochs * width);
    job->result->epochs++;
    epoch->begun = 0;
}

static void update(struct net *net, const struct step_plan *plan,
                   const struct nn_team *team, size_t first, size_t last)
{
    size_t m = plan->batch.m;
    if (net->clips_by_norm) {
        differentiate_units(net, first, last, m);
        nn_barrier_wait(team);
        sum_blocks(net, team, SQUARES);
        nn_barrier_wait(team);
        update_clipped(net, &plan->step, first, last);
    } else if (net->is_flat && team->size == 1 && net->n_params <= NN_FLAT_PARAMS) {
        update_flat(net, &plan->step, m);
    } else {
        update_units(net, &plan->step, first, last, m);
    }
}

static void train_thread(void *context, const struct nn_team *team)
{
    struct train_job *job = context;
    struct net *net = job->net;
    size_t first, last;
    share_units(net, team, &first, &last);
    if (team->rank == 0) plan_step(job, &job->plans[0]);
    nn_barrier_wait(team);
    for (int odd = 0; !job->plans[odd].done; odd = !odd) {
        const struct step_plan *plan = &job->plans[odd];
        run_rows(net, &plan->batch, team, 1, 1);
        if (net->has_penalty) sum_blocks(net, team, PENALTIES);
        nn_barrier_wait(team);
        double penalty = net->has_penalty ? join_penalty(net) : 0;
        int is_finite = loss_is_finite(net, &plan->batch, penalty);
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
        if (!stops) update(net, plan, team, first, last);
        nn_barrier_wait(team);
    }
}

static nn_status train_taken(struct net *net, const nn_train_args *args, double *report,
                             nn_train_result *result)
{
    size_t n = args->data.n_rows;
    if (n == 0 || n > UINT32_MAX || args->batch_size == 0) return NN_ERR_SIZE;
    size_t rows = min_size(args->batch_size, n);
    nn_status status = ensure_capacity(net, rows);
    if (!status && args->shuffle && !args->order) status = ensure_order(net, n);
    if (status) return status;
    if (net->epoch.begun && net->epoch.n_rows != n) net->epoch.begun = 0;
    struct train_job job = {
        .net = net, .args = args, .report = report, .result = result};
    net->base.last_team =
        nn_parallel(team_for(net, rows, 1, args->threads), train_thread, &job);
    return NN_OK;
}

static nn_status train(nn_net *base, const nn_train_args *args, double *report,
                       nn_train_result *result)
{
    struct net *net = net_of(base);
    *result = (nn_train_result){0};
    if (!base->is_compiled) return NN_ERR_STATE;
    nn_status status = take_for_change(net);
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

static void running(const nn_net *base, double *row)
{
    const struct net *net = net_of(base);
    memset(row, 0, (1 + base->n_metrics) * sizeof *row);
    if (base->is_compiled && net->epoch.begun)
        report_sums(net, &net->train_sums, 1, row);
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

/* ---- evaluate and gradient ----------------------------------------------------- */

struct measure_job {
    struct net *net;
    struct batch batch;
    int learns;
};

static void measure_thread(void *context, const struct nn_team *team)
{
    struct measure_job *job = context;
    struct net *net = job->net;
    run_rows(net, &job->batch, team, job->learns, 0);
    if (net->has_penalty) sum_blocks(net, team, PENALTIES);
    if (job->learns) {
        size_t first, last;
        share_units(net, team, &first, &last);
        nn_barrier_wait(team);
        differentiate_units(net, first, last, job->batch.m);
    }
}

/* Rows measured at once: enough for a team, few enough for its caches. */
#define EVALUATE_ROWS 2048

static nn_status evaluate_taken(struct net *net, const nn_data *data, size_t first,
                                size_t n, unsigned threads, double *report)
{
    if (data->n_rows == 0 || first > data->n_rows || n > data->n_rows - first)
        return NN_ERR_SIZE;
    nn_status status = ensure_capacity(net, min_size(n, EVALUATE_ROWS));
    if (status) return status;
    if (first == 0) reset_sums(net, &net->eval_sums);
    for (size_t end = first + n; first < end;) {
        size_t m = min_size(EVALUATE_ROWS, end - first);
        struct measure_job job = {net, {data, NULL, first, m}, 0};
        net->base.last_team =
            nn_parallel(team_for(net, m, 0, threads), measure_thread, &job);
        add_batch(net, &net->eval_sums, m, data->weights ? net->row_weights : NULL,
                  net->has_penalty ? join_penalty(net) : 0);
        first += m;
    }
    if (net->eval_sums.n_rows == data->n_rows && report)
        report_sums(net, &net->eval_sums, data->weights != NULL, report);
    return NN_OK;
}

static nn_status evaluate(nn_net *base, const nn_data *data, size_t first, size_t n,
                          unsigned threads, double *report)
{
    struct net *net = net_of(base);
    if (!base->is_compiled) return NN_ERR_STATE;
    nn_status status = take_for_change(net);
    if (status) return status;
    status = evaluate_taken(net, data, first, n, threads, report);
    give_back_changed(net);
    return status;
}

static nn_status gradient_taken(struct net *net, const nn_data *data, double *loss)
{
    if (data->n_rows == 0) return NN_ERR_SIZE;
    nn_status status = ensure_capacity(net, data->n_rows);
    if (status) return status;
    struct measure_job job = {net, {data, NULL, 0, data->n_rows}, 1};
    net->base.last_team =
        nn_parallel(team_for(net, data->n_rows, 1, 0), measure_thread, &job);
    struct row_sum sum = {0};
    for (size_t i = 0; i < data->n_rows; i++)
        add_row(&sum, i,
                data->weights ? (double)net->row_weights[i] * (double)net->values[i]
                              : (double)net->values[i]);
    *loss =
        total(&sum) / (double)data->n_rows + (net->has_penalty ? join_penalty(net) : 0);
    return NN_OK;
}

static nn_status loss_gradient(nn_net *base, const nn_data *data, double *loss)
{
    struct net *net = net_of(base);
    if (!base->is_compiled) return NN_ERR_STATE;
    nn_status status = take_for_change(net);
    if (status) return status;
    status = gradient_taken(net, data, loss);
    give_back_changed(net);
    return status;
}
