/* threads.c: one network in many threads at once, for ThreadSanitizer: `make tsan`.

   Readers predict without end while one thread trains, evaluates, and sets and reads
   weights; teams of NNCORE_FORCE_THREADS share each call's work. Outputs of a reader
   are all of one moment: with every weight of the only layer set to k, they are k. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "nncore.h"

#define READERS 3
#define ROUNDS 60
#define ROWS 40
#define COLUMNS 70
#define UNITS 130

static nn_net *net;
static float x[ROWS * COLUMNS], y[ROWS * UNITS];
static atomic_int is_done, n_torn;

static void must(nn_status status, const char *what)
{
    if (status) {
        fprintf(stderr, "%s: %s\n", what, nn_status_message(status));
        exit(1);
    }
}

static void *read_outputs(void *unused)
{
    float *out = malloc(sizeof(float) * ROWS * UNITS);
    do {
        must(nn_net_predict(net, x, COLUMNS, ROWS, out, 0, NN_WAIT), "predict");
        for (size_t i = 0; i < (size_t)ROWS * UNITS; i++)
            if (out[i] != out[0]) atomic_fetch_add(&n_torn, 1);
        nn_last_run last;
        nn_net_last_run(net, &last);
    } while (!atomic_load(&is_done));
    free(out);
    return unused;
}

static void write_weights(void)
{
    static float kernel[COLUMNS * UNITS], bias[UNITS];
    nn_counters counters;
    double report[4];
    nn_data data = {
        .x = x, .y = y, .n_rows = ROWS, .x_stride = COLUMNS, .y_stride = UNITS};
    nn_evaluate_args look = {
        .data = data, .n = ROWS, .batch_size = ROWS, .report_columns = 1};
    nn_train_args args = {.data = data,
                          .batch_size = 16,
                          .max_batches = 3,
                          .max_epochs = 2,
                          .shuffle = 1,
                          .report_columns = 1,
                          .learning_rate = 0};
    nn_train_result result;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < UNITS; i++)
            bias[i] = (float)round;
        const void *in[2] = {kernel, bias};
        must(nn_net_set_variables(net, 0, 2, in, NN_WAIT), "set variables");
        must(nn_net_train(net, &args, report, &result), "train");
        must(nn_net_evaluate(net, &look, report), "evaluate");
        must(nn_net_gradient(net, &data, 0, report), "gradient");
        must(nn_net_get_gradient(net, 1, bias), "get gradient");
        void *out = bias;
        must(nn_net_get_variables(net, 1, 1, &out, NN_WAIT), "get bias");
        must(nn_net_get_counters(net, &counters), "get counters");
        must(nn_net_set_counters(net, &counters), "set counters");
        must(nn_net_reset_epoch(net), "reset epoch");
    }
}

int main(void)
{
    nn_layer_spec layer = {
        .kind = NN_KIND_dense, .units = UNITS, .use_bias = 1, .trainable = 1};
    nn_loss_spec loss = {.kind = NN_LOSS_mean_squared_error};
    nn_optimizer_spec rule = {.kind = NN_OPT_sgd};
    pthread_t readers[READERS];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float)(i % 7);
    must(nn_net_create(&net, NN_F32, NN_ISA_AUTO, COLUMNS, &layer, 1, 1), "create");
    must(nn_net_compile(net, &loss, NULL, 0, &rule), "compile");
    for (int i = 0; i < READERS; i++)
        pthread_create(&readers[i], NULL, read_outputs, NULL);
    write_weights();
    atomic_store(&is_done, 1);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    nn_net_destroy(net);
    printf("%d rounds, %d torn outputs\n", ROUNDS, atomic_load(&n_torn));
    return atomic_load(&n_torn) != 0;
}
