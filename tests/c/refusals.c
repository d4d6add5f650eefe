/* refusals.c: what nncore.h says is refused is, by the status it says, and changes
   nothing: afterwards the network predicts the same bits and trains on.

   Python never passes most of it on. Prints what went wrong, and fails if anything did.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nncore.h"

#define ROWS 40
#define COLUMNS 6
#define UNITS 4
#define MOST (ROWS * COLUMNS)

static int n_wrong;

static void note(int line, const char *call, nn_status got, nn_status wanted)
{
    if (got == wanted) return;
    fprintf(stderr, "line %d: %s: \"%s\", not \"%s\"\n", line, call,
            nn_status_message(got), nn_status_message(wanted));
    n_wrong++;
}

static void hold(int line, const char *what, int holds)
{
    if (holds) return;
    fprintf(stderr, "line %d: not %s\n", line, what);
    n_wrong++;
}

#define CALL(wanted, call) note(__LINE__, #call, call, wanted)
#define GIVES(status, call) CALL(NN_##status, call)
#define HOLDS(what) hold(__LINE__, #what, what)

static const nn_layer_spec dense = {.kind = NN_KIND_dense,
                                    .units = UNITS,
                                    .use_bias = 1,
                                    .trainable = 1,
                                    .activation = NN_ACT_tanh};
static const nn_loss_spec squares = {.kind = NN_LOSS_mean_squared_error, .weight = 1};
static const nn_optimizer_spec adam = {
    .kind = NN_OPT_adam, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7};

/* Numbers in the dtype of the test. */
union numbers {
    float f32[MOST];
    double f64[MOST];
};
static union numbers x_rows, y_rows, found;
static void *const x = &x_rows, *const y = &y_rows, *const out = &found;
static double report[8];

static void fill(nn_dtype dtype)
{
    for (size_t i = 0; i < MOST; i++) {
        double a = (double)(i * 7 % 11) / 8 - 0.5, b = (double)(i * 5 % 9) / 8 - 0.5;
        if (dtype == NN_F64) {
            x_rows.f64[i] = a;
            y_rows.f64[i] = b;
        } else {
            x_rows.f32[i] = (float)a;
            y_rows.f32[i] = (float)b;
        }
    }
}

static nn_data all_rows(void)
{
    return (nn_data){
        .x = x, .y = y, .n_rows = ROWS, .x_stride = COLUMNS, .y_stride = UNITS};
}

static nn_train_args training(void)
{
    return (nn_train_args){.data = all_rows(),
                           .batch_size = 8,
                           .max_batches = 100,
                           .max_epochs = 1,
                           .report_columns = 1,
                           .learning_rate = 0.1};
}

static nn_evaluate_args evaluation(void)
{
    return (nn_evaluate_args){
        .data = all_rows(), .n = ROWS, .batch_size = 8, .report_columns = 1};
}

static nn_net *dense_network(nn_dtype dtype)
{
    nn_net *net;
    GIVES(OK, nn_net_create(&net, dtype, NN_ISA_AUTO, COLUMNS, &dense, 1, 1));
    GIVES(OK, nn_net_compile(net, &squares, NULL, 0, &adam));
    return net;
}

/* ---- Names and instruction sets ------------------------------------------------ */

static void refuse_names(void)
{
    HOLDS(!strcmp(nn_status_message(NN_STATUS_END), "Unknown status."));
    HOLDS(!strcmp(nn_status_message((nn_status)-1), "Unknown status."));
    HOLDS(!nn_isa_name(NN_ISA_END) && !nn_activation_name(NN_ACT_END));
    HOLDS(!nn_kind_name(NN_KIND_END) && !nn_noise_name(NN_NOISE_END));
    HOLDS(!nn_constraint_name(NN_CONSTRAINT_END) && !nn_loss_name(NN_LOSS_END));
    HOLDS(!nn_metric_name(NN_METRIC_END) && !nn_optimizer_name(NN_OPT_END));
    HOLDS(!nn_isa_built(NN_ISA_END) && !nn_isa_supported(NN_ISA_END));
    HOLDS(nn_isa_built(NN_ISA_generic) && nn_isa_supported(NN_ISA_generic));
}

static void choose_isas(void)
{
    nn_isa best = nn_isa_default();
    HOLDS(nn_isa_built(best) && nn_isa_supported(best));
    for (int isa = 0; isa < NN_ISA_END; isa++) {
        setenv("NNCORE_ISA", nn_isa_name((nn_isa)isa), 1);
        HOLDS(nn_isa_default() == (nn_isa)isa);
    }
    setenv("NNCORE_ISA", "", 1);
    HOLDS(nn_isa_default() == best);
    setenv("NNCORE_ISA", "no such set", 1);
    HOLDS(nn_isa_default() == NN_ISA_END);
    nn_net *net = NULL;
    size_t done;
    const double args[3] = {0};
    GIVES(ERR_ISA, nn_net_create(&net, NN_F32, NN_ISA_AUTO, COLUMNS, &dense, 1, 1));
    HOLDS(!net);
    GIVES(ERR_ISA,
          nn_activation_forward(NN_F32, NN_ISA_AUTO, NN_ACT_relu, args, out, x, 1, 1));
    GIVES(ERR_ISA, nn_measure_arithmetic(NN_F32, NN_ISA_AUTO, 1, 1, &done));
    unsetenv("NNCORE_ISA");
    for (int i = 0; i < NN_ISA_END; i++) {
        nn_isa isa = (nn_isa)i;
        int runs = nn_isa_built(isa) && nn_isa_supported(isa);
        nn_status wanted = runs ? NN_OK : NN_ERR_ISA;
        CALL(wanted, nn_net_create(&net, NN_F64, isa, COLUMNS, &dense, 1, 1));
        nn_net_destroy(net);
        CALL(wanted, nn_measure_reading(NN_F64, isa, x, MOST, 1, 1, &done));
        CALL(wanted,
             nn_activation_forward(NN_F64, isa, NN_ACT_relu, args, out, x, 1, 1));
    }
}

/* ---- Descriptions -------------------------------------------------------------- */

static nn_status try_layer(nn_dtype dtype, nn_layer_spec spec)
{
    nn_net *net;
    nn_status status = nn_net_create(&net, dtype, NN_ISA_generic, COLUMNS, &spec, 1, 1);
    HOLDS(!status || !net);
    nn_net_destroy(net);
    return status;
}

static void refuse_layers(nn_dtype dtype)
{
    nn_net *net;
    nn_layer_spec spec;
    const double args[3] = {0};
    const uint32_t beyond = COLUMNS;
    size_t done;
    nn_dtype none = NN_DTYPE_END;
#define LAYER(status, field, value)                                                    \
    do {                                                                               \
        spec = dense;                                                                  \
        spec.field = value;                                                            \
        GIVES(status, try_layer(dtype, spec));                                         \
    } while (0)
    LAYER(OK, units, UNITS);
    LAYER(ERR_SPEC, units, 0);
    LAYER(ERR_SIZE, units, SIZE_MAX / 2);
    LAYER(ERR_SPEC, kind, NN_KIND_END);
    LAYER(ERR_SPEC, activation, NN_ACT_END);
    LAYER(ERR_SPEC, noise, NN_NOISE_END);
    LAYER(ERR_SPEC, dropout, -0.1);
    LAYER(ERR_SPEC, dropout, 1.1);
    LAYER(ERR_SPEC, dropout, NAN);
    LAYER(ERR_SPEC, kernel_constraint.kind, NN_CONSTRAINT_END);
    LAYER(ERR_SPEC, bias_constraint.kind, NN_CONSTRAINT_END);
#undef LAYER
    spec = (nn_layer_spec){.kind = NN_KIND_embedding, .units = 2, .vocabulary = 3};
    GIVES(OK, try_layer(dtype, spec));
    spec.vocabulary = 1 + ((size_t)1 << (dtype == NN_F32 ? 24 : 53));
    GIVES(ERR_SIZE, try_layer(dtype, spec));
    spec.vocabulary = 3;
    spec.columns = COLUMNS;
    GIVES(ERR_SPEC, try_layer(dtype, spec));
    spec.columns = 1;
    spec.units = SIZE_MAX / 3;
    GIVES(ERR_SIZE, try_layer(dtype, spec));
    spec = (nn_layer_spec){.kind = NN_KIND_gather, .order = &beyond, .n_order = 1};
    GIVES(ERR_SPEC, try_layer(dtype, spec));
    spec.n_order = 0;
    GIVES(ERR_SPEC, try_layer(dtype, spec));
    GIVES(ERR_SIZE, nn_net_create(&net, dtype, NN_ISA_generic, 0, &dense, 1, 1));
    GIVES(ERR_SIZE, nn_net_create(&net, dtype, NN_ISA_generic, SIZE_MAX, &dense, 1, 1));
    GIVES(ERR_SIZE, nn_net_create(&net, dtype, NN_ISA_generic, 1, &dense, 0, 1));
    GIVES(ERR_SPEC, nn_net_create(&net, none, NN_ISA_generic, 1, &dense, 1, 1));
    GIVES(ERR_SPEC,
          nn_activation_forward(none, NN_ISA_generic, NN_ACT_relu, args, out, x, 1, 1));
    GIVES(ERR_SPEC,
          nn_activation_forward(dtype, NN_ISA_generic, NN_ACT_END, args, out, x, 1, 1));
    GIVES(ERR_SPEC, nn_measure_arithmetic(none, NN_ISA_generic, 1, 1, &done));
    GIVES(ERR_MEMORY,
          nn_activation_backward(dtype, NN_ISA_generic, NN_ACT_relu, args, out, x, x,
                                 (size_t)1 << 40, (size_t)1 << 20));
    GIVES(ERR_SIZE,
          nn_activation_backward(dtype, NN_ISA_generic, NN_ACT_relu, args, out, x, x,
                                 (size_t)1 << 40, (size_t)1 << 24));
}

static void refuse_goals(nn_net *net)
{
    nn_loss_spec loss;
    nn_metric_spec metric;
    nn_optimizer_spec rule = {.kind = NN_OPT_END};
#define LOSS(status, ...)                                                              \
    do {                                                                               \
        loss = (nn_loss_spec){.weight = 1, __VA_ARGS__};                               \
        GIVES(status, nn_net_compile(net, &loss, NULL, 0, &adam));                     \
        metric = (nn_metric_spec){.kind = NN_METRIC_loss_value, .loss = loss};         \
        GIVES(status, nn_net_compile(net, &squares, &metric, 1, &adam));               \
    } while (0)
    LOSS(ERR_SPEC, .kind = NN_LOSS_END);
    LOSS(ERR_SPEC, .kind = NN_LOSS_binary_crossentropy_logits);
    LOSS(ERR_SPEC, .kind = NN_LOSS_quantile);
    LOSS(ERR_SPEC, .kind = NN_LOSS_hinge, .reduction = NN_REDUCE_END);
#undef LOSS
    metric = (nn_metric_spec){.kind = NN_METRIC_END};
    GIVES(ERR_SPEC, nn_net_compile(net, &squares, &metric, 1, &adam));
    metric.kind = NN_METRIC_sparse_categorical_accuracy; // one column of targets
    GIVES(ERR_SPEC, nn_net_compile(net, &squares, &metric, 1, &adam));
    GIVES(ERR_SPEC, nn_net_compile(net, &squares, NULL, 0, &rule));
}

/* ---- Calls --------------------------------------------------------------------- */

static void refuse_before_compile(nn_dtype dtype)
{
    nn_net *net;
    nn_train_args train = training();
    nn_evaluate_args look = evaluation();
    nn_train_result result;
    nn_data data = all_rows();
    GIVES(OK, nn_net_create(&net, dtype, NN_ISA_AUTO, COLUMNS, &dense, 1, 1));
    GIVES(ERR_STATE, nn_net_train(net, &train, report, &result));
    GIVES(ERR_STATE, nn_net_evaluate(net, &look, report));
    GIVES(ERR_STATE, nn_net_gradient(net, &data, 1, report));
    GIVES(ERR_SPEC, nn_net_get_gradient(net, 0, out));
    GIVES(ERR_STATE, nn_net_get_epoch(net, out, nn_net_epoch_size(net)));
    GIVES(ERR_STATE, nn_net_set_epoch(net, out, nn_net_epoch_size(net)));
    report[0] = 1;
    GIVES(OK, nn_net_running(net, report, 1));
    HOLDS(report[0] == 0);
    GIVES(OK, nn_net_predict(net, x, COLUMNS, ROWS, out, 0, NN_AT_ONCE));
    nn_net_destroy(net);
}

static void refuse_trainings(nn_net *net)
{
    nn_train_result result;
    nn_train_args args;
#define TRAIN(...)                                                                     \
    do {                                                                               \
        args = training();                                                             \
        __VA_ARGS__;                                                                   \
        GIVES(ERR_SIZE, nn_net_train(net, &args, report, &result));                    \
        HOLDS(!result.batches && !result.epochs && !result.rows);                      \
    } while (0)
    TRAIN(args.data.n_rows = 0);
    TRAIN(args.data.n_rows = (size_t)UINT32_MAX + 1);
    TRAIN(args.batch_size = 0);
    TRAIN(args.report_columns = 2);
    TRAIN(args.data.is_stream = args.shuffle = 1);
    TRAIN(args.data.is_stream = 1, args.max_epochs = 2);
    TRAIN(args.start = 1);
    TRAIN(args.data.is_stream = 1, args.start = ROWS);
    TRAIN(args.outputs.y = out, args.outputs.room = 7);
#undef TRAIN
    nn_data none = {.x = x, .y = y, .x_stride = COLUMNS, .y_stride = UNITS};
    GIVES(ERR_SIZE, nn_net_gradient(net, &none, 1, report));
    GIVES(ERR_SIZE, nn_net_running(net, report, 2));
}

#define EVALUATE(...)                                                                  \
    do {                                                                               \
        args = evaluation();                                                           \
        __VA_ARGS__;                                                                   \
        GIVES(ERR_SIZE, nn_net_evaluate(net, &args, report));                          \
    } while (0)

static void refuse_evaluations(nn_net *net)
{
    double whole[1], parts[1];
    nn_evaluate_args args = evaluation();
    GIVES(OK, nn_net_evaluate(net, &args, whole));
    args.n = 8;
    GIVES(OK, nn_net_evaluate(net, &args, report));
    EVALUATE(args.data.n_rows = 0);
    EVALUATE(args.first = ROWS + 1);
    EVALUATE(args.n = ROWS + 1);
    EVALUATE(args.n = 0);
    EVALUATE(args.report_columns = 2);
    EVALUATE(args.batch_size = 0);
    EVALUATE(args.first = 16, args.n = 8); // 8 came before
    args = evaluation();
    args.first = 8;
    args.n = ROWS - 8;
    GIVES(OK, nn_net_evaluate(net, &args, parts));
    HOLDS(whole[0] == parts[0]);
}

/* Where batches have losses of their own, parts are whole batches. */
static void refuse_parts(nn_dtype dtype)
{
    double whole[1], parts[1];
    nn_loss_spec sum = squares;
    nn_net *net = dense_network(dtype);
    nn_evaluate_args args = evaluation();
    sum.reduction = NN_REDUCE_SUM;
    GIVES(OK, nn_net_compile(net, &sum, NULL, 0, &adam));
    GIVES(OK, nn_net_evaluate(net, &args, whole));
    args.n = 8;
    GIVES(OK, nn_net_evaluate(net, &args, report));
    EVALUATE(args.n = 9);
    args = evaluation();
    args.first = 8;
    args.n = ROWS - 8;
    GIVES(OK, nn_net_evaluate(net, &args, parts));
    HOLDS(whole[0] == parts[0]);
    nn_net_destroy(net);
#undef EVALUATE
}

/* A stream goes on with an epoch of a stream, never with one of numbered rows: its
   order would name rows that the stream does not have. */
static void mix_streams(nn_dtype dtype)
{
    nn_net *net = dense_network(dtype);
    nn_train_args args = training();
    nn_train_result result;
    args.shuffle = 1;
    args.max_batches = 2;
    GIVES(OK, nn_net_train(net, &args, report, &result));
    args = training();
    args.data.is_stream = 1;
    args.data.n_rows = 4;
    args.batch_size = 4;
    uint32_t number[ROWS];
    args.outputs = (nn_outputs){.y = out, .number = number, .room = ROWS};
    GIVES(OK, nn_net_train(net, &args, report, &result));
    HOLDS(result.rows == 4 && number[0] == 0 && number[3] == 3);
    nn_net_destroy(net);
}

static void refuse_state(nn_net *net)
{
    size_t n = nn_net_epoch_size(net), shape[2];
    size_t none = nn_net_n_variables(net);
    void *to[1] = {out};
    const void *from[1] = {x};
    GIVES(ERR_SPEC, nn_net_get_variables(net, none, 1, to, NN_WAIT));
    GIVES(ERR_SPEC, nn_net_get_variables(net, none + 1, 0, to, NN_WAIT));
    GIVES(ERR_SPEC, nn_net_set_variables(net, none, 1, from, NN_WAIT));
    GIVES(ERR_SPEC, nn_net_set_variables(net, 1, SIZE_MAX, from, NN_WAIT));
    GIVES(OK, nn_net_get_variables(net, none, 0, to, NN_WAIT));
    GIVES(ERR_SPEC, nn_net_get_gradient(net, none, out));
    GIVES(ERR_SPEC, nn_net_get_slot(net, nn_net_n_slots(net), 0, out));
    GIVES(ERR_SPEC, nn_net_set_slot(net, nn_net_n_slots(net), 0, x));
    HOLDS(nn_net_variable_shape(net, 0, shape) == 2 && shape[1] == UNITS);

    // The first five: begun, drawn, rows, position, batches.
    double *epoch = calloc(n, sizeof *epoch), *before = calloc(n, sizeof *before);
    if (!epoch || !before) abort();
    GIVES(OK, nn_net_get_epoch(net, before, n));
    GIVES(ERR_SIZE, nn_net_get_epoch(net, epoch, n - 1));
    GIVES(ERR_SIZE, nn_net_set_epoch(net, epoch, n - 1));
    static const double wrong[][5] = {
        {1, 0, 5e9, 1, 1},   {1, 0, NAN, 1, 1}, {1, 0, 40, -1, 1},  {1, 0, 40, 40, 1},
        {1, 0, 40, 2, 3},    {1, 0, 40, 2, -1}, {1, 0, 40, NAN, 1}, {2, 0, 40, 41, 1},
        {2, 0, 1e17, 40, 1}, {2, 1, 40, 40, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(epoch, wrong[i], sizeof wrong[i]);
        GIVES(ERR_SIZE, nn_net_set_epoch(net, epoch, n));
    }
    static const double drawn[5] = {1, 1, 40, 8, 1};
    memcpy(epoch, drawn, sizeof drawn);
    GIVES(ERR_SPEC, nn_net_set_epoch(net, epoch, n)); // no epoch was ever drawn
    GIVES(OK, nn_net_get_epoch(net, epoch, n));
    HOLDS(epoch[0] == 1 && !memcmp(epoch, before, n * sizeof *epoch));
    static const double stream[5] = {2, 0, 40, 40, 5};
    memcpy(epoch, stream, sizeof stream);
    GIVES(OK, nn_net_set_epoch(net, epoch, n));
    GIVES(OK, nn_net_set_epoch(net, before, n));
    free(epoch);
    free(before);
}

/* Amid an epoch, whose second half then is its twin's. */
static void refuse_calls(nn_dtype dtype)
{
    union numbers mine = {{0}}, others = {{0}};
    nn_net *net = dense_network(dtype), *twin = dense_network(dtype);
    nn_train_args args = training();
    nn_train_result result;
    double losses[2];
    args.max_batches = 7;
    args.max_epochs = 2;
    GIVES(OK, nn_net_train(net, &args, report, &result));
    GIVES(OK, nn_net_train(twin, &args, report, &result));
    refuse_goals(net);
    refuse_trainings(net);
    refuse_evaluations(net);
    refuse_state(net);
    args.max_epochs = 1;
    GIVES(OK, nn_net_train(net, &args, &losses[0], &result));
    HOLDS(result.batches == 3 && result.epochs == 1);
    GIVES(OK, nn_net_train(twin, &args, &losses[1], &result));
    HOLDS(losses[0] == losses[1]);
    GIVES(OK, nn_net_predict(net, x, COLUMNS, ROWS, &mine, 0, NN_WAIT));
    GIVES(OK, nn_net_predict(twin, x, COLUMNS, ROWS, &others, 0, NN_WAIT));
    HOLDS(!memcmp(&mine, &others, sizeof mine));
    nn_net_destroy(net);
    nn_net_destroy(twin);
    nn_net_destroy(NULL);
}

/* ---- A fork during a training -------------------------------------------------- */

#define BETWEEN 77 // exit status of a child that was forked while nothing was changed

static atomic_int is_over;

/* One epoch after the other, of a row that is there four billion times, for a tenth of
   a second each. */
static void *train_until_over(void *net)
{
    nn_train_args args = training();
    nn_train_result result;
    args.data.n_rows = UINT32_MAX;
    args.data.x_stride = args.data.y_stride = 0;
    args.max_batches = SIZE_MAX;
    args.seconds = 0.1;
    while (!atomic_load(&is_over)) {
        GIVES(OK, nn_net_train(net, &args, report, &result));
        HOLDS(result.batches && !result.epochs);
    }
    return NULL;
}

/* In the child nobody will ever end the training: whatever needs the network says so.
 */
static void refuse_broken(nn_net *net)
{
    size_t n = nn_net_epoch_size(net);
    double *epoch = calloc(n, sizeof *epoch);
    nn_train_args train = training();
    nn_evaluate_args look = evaluation();
    nn_train_result result;
    nn_data data = all_rows();
    nn_counters counters = {0};
    if (!epoch) abort();
    GIVES(ERR_BUSY, nn_net_train(net, &train, report, &result));
    GIVES(ERR_BUSY, nn_net_evaluate(net, &look, report));
    GIVES(ERR_BUSY, nn_net_predict(net, x, COLUMNS, ROWS, out, 0, NN_WAIT));
    GIVES(ERR_BUSY, nn_net_predict(net, x, COLUMNS, ROWS, out, 0, NN_AT_ONCE));
    GIVES(ERR_BUSY, nn_net_gradient(net, &data, 1, report));
    GIVES(ERR_BUSY, nn_net_get_gradient(net, 0, out));
    GIVES(ERR_BUSY, nn_net_compile(net, &squares, NULL, 0, &adam));
    void *to[1] = {out};
    const void *from[1] = {x};
    GIVES(ERR_BUSY, nn_net_get_variables(net, 0, 1, to, NN_WAIT));
    GIVES(ERR_BUSY, nn_net_set_variables(net, 0, 1, from, NN_WAIT));
    GIVES(ERR_BUSY, nn_net_get_counters(net, &counters));
    GIVES(ERR_BUSY, nn_net_set_counters(net, &counters));
    GIVES(ERR_BUSY, nn_net_get_epoch(net, epoch, n));
    GIVES(ERR_BUSY, nn_net_set_epoch(net, epoch, n));
    GIVES(ERR_BUSY, nn_net_running(net, report, 1));
    GIVES(ERR_BUSY, nn_net_reset_epoch(net));
    free(epoch);
    nn_net_destroy(net);
}

static void refuse_in_child(nn_dtype dtype)
{
    pthread_t thread;
    nn_net *net = dense_network(dtype), *other = dense_network(dtype);
    nn_train_args args = training();
    nn_train_result result;
    atomic_store(&is_over, 0);
    if (pthread_create(&thread, NULL, train_until_over, net)) abort();
    int ended, code = BETWEEN;
    // Until the fork comes amid a call, not between two.
    while (code == BETWEEN) {
        pid_t child = fork();
        if (child < 0) abort();
        if (child) {
            waitpid(child, &ended, 0);
            code = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
            continue;
        }
        alarm(60);
        n_wrong = 0;
        if (nn_net_predict(net, x, COLUMNS, ROWS, out, 1, NN_AT_ONCE) == NN_OK)
            exit(BETWEEN);
        refuse_broken(net);
        GIVES(OK, nn_net_train(other, &args, report, &result));
        nn_net_destroy(other);
        exit(n_wrong != 0);
    }
    HOLDS(code == 0);
    atomic_store(&is_over, 1);
    pthread_join(thread, NULL);
    GIVES(OK, nn_net_predict(net, x, COLUMNS, ROWS, out, 0, NN_WAIT));
    nn_net_destroy(net);
    nn_net_destroy(other);
}

int main(void)
{
    unsetenv("NNCORE_ISA");
    refuse_names();
    choose_isas();
    for (int dtype = 0; dtype < NN_DTYPE_END; dtype++) {
        fill((nn_dtype)dtype);
        refuse_layers((nn_dtype)dtype);
        refuse_before_compile((nn_dtype)dtype);
        refuse_parts((nn_dtype)dtype);
        refuse_calls((nn_dtype)dtype);
        mix_streams((nn_dtype)dtype);
        refuse_in_child((nn_dtype)dtype);
    }
    if (n_wrong) fprintf(stderr, "%d not as they should be\n", n_wrong);
    return n_wrong != 0;
}
