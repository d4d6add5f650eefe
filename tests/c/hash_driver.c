/* hash_driver.c: trains a set of networks and prints one hash for each.

   Every activation, loss and optimizer occurs, in small networks and in ones wider than
   a panel, in both dtypes, with dropout, shuffling, row weights, penalties and
   clipping. The lines depend on nothing but the arithmetic: builds for different
   instruction sets, processors and compilers must print the same. NNCORE_ISA and
   NNCORE_FORCE_THREADS choose how it runs; --show prints that on stderr. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nncore.h"

#define ROWS 83
#define EPOCHS 3

static uint64_t state;

/* A multiple of 2^-12 in [-1, 1): exact in both dtypes. */
static double draw(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 51) / 4096 - 1;
}

static void put(nn_dtype dtype, void *array, size_t i, double value)
{
    if (dtype == NN_F32)
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

/* FNV-1a over values; all NaNs count as one. */
static uint64_t hash;
static void mix(nn_dtype dtype, const void *array, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double value = dtype == NN_F32 ? (double)((const float *)array)[i]
                                       : ((const double *)array)[i];
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (value != value) bits = 0x7ff8000000000000u;
        for (int byte = 0; byte < 64; byte += 8)
            hash = (hash ^ (bits >> byte & 255)) * 0x100000001b3u;
    }
}

static void *alloc(size_t n)
{
    void *block = calloc(n ? n : 1, sizeof(double));
    if (!block) abort();
    return block;
}

static void must(nn_status status, const char *what)
{
    if (status) {
        fprintf(stderr, "%s: %s\n", what, nn_status_message(status));
        exit(1);
    }
}

static size_t variable_size(const nn_net *net, size_t index)
{
    size_t shape[2] = {1, 1};
    int rank = nn_net_variable_shape(net, index, shape);
    return rank == 2 ? shape[0] * shape[1] : shape[0];
}

/* What net number i is made of: each list is walked at its own pace. */
struct recipe {
    size_t n_in, hidden, n_out, batch;
    nn_activation activation, last;
    nn_loss loss;
    nn_optimizer optimizer;
};

static struct recipe recipe_of(int i, int is_wide)
{
    static const nn_loss losses[] = {
        NN_LOSS_mean_squared_error,
        NN_LOSS_mean_absolute_error,
        NN_LOSS_huber,
        NN_LOSS_log_cosh,
        NN_LOSS_binary_crossentropy,
        NN_LOSS_categorical_crossentropy,
        NN_LOSS_hinge,
        NN_LOSS_sparse_categorical_crossentropy,
        NN_LOSS_squared_hinge,
        NN_LOSS_categorical_hinge,
        NN_LOSS_kl_divergence,
        NN_LOSS_poisson,
    };
    struct recipe r = {.n_in = is_wide ? 71 : 2 + (size_t)i % 7,
                       .hidden = is_wide ? 130 : 3 + (size_t)i % 14,
                       .n_out = 3,
                       .batch = is_wide ? 32 : 1 + (size_t)i % 10,
                       .activation = (nn_activation)(i % NN_ACT_END),
                       .last = NN_ACT_linear,
                       .loss = losses[(size_t)i % (sizeof losses / sizeof *losses)],
                       .optimizer = (nn_optimizer)(i % NN_OPT_END)};
    switch (r.loss) {
    case NN_LOSS_binary_crossentropy:
        r.last = i % 2 ? NN_ACT_sigmoid : NN_ACT_hard_sigmoid;
        break;
    case NN_LOSS_poisson:
        r.last = NN_ACT_softplus;
        break;
    case NN_LOSS_categorical_crossentropy:
    case NN_LOSS_sparse_categorical_crossentropy:
    case NN_LOSS_kl_divergence:
        r.last = NN_ACT_softmax;
        break;
    default:
        break;
    }
    return r;
}

/* Targets that the loss is made for. */
static void fill_targets(const struct recipe *r, nn_dtype dtype, void *y,
                         size_t columns)
{
    for (size_t row = 0; row < ROWS; row++) {
        size_t label = row * 7 % r->n_out;
        for (size_t j = 0; j < columns; j++) {
            double value = draw();
            if (r->loss == NN_LOSS_sparse_categorical_crossentropy)
                value = (double)label;
            else if (r->last == NN_ACT_softmax || r->loss == NN_LOSS_categorical_hinge)
                value = j == label;
            else if (r->loss == NN_LOSS_hinge || r->loss == NN_LOSS_squared_hinge)
                value = value < 0 ? -1 : 1;
            else if (r->loss == NN_LOSS_binary_crossentropy)
                value = value < 0;
            else if (r->loss == NN_LOSS_poisson)
                value = fabs(value);
            put(dtype, y, row * columns + j, value);
        }
    }
}

static void run(int i, int is_wide, nn_dtype dtype, int shows)
{
    struct recipe r = recipe_of(i, is_wide);
    state = (uint64_t)i * 2 + (uint64_t)is_wide;
    hash = 0xcbf29ce484222325u;

    nn_layer_spec layers[] = {
        {.kind = NN_KIND_dense,
         .units = r.hidden,
         .use_bias = 1,
         .trainable = 1,
         .activation = r.activation,
         .activation_args = {r.activation == NN_ACT_relu ? 0.125 : 0.5,
                             r.activation == NN_ACT_relu ? INFINITY : 0, 0},
         .dropout = i % 3 ? 0 : 0.25,
         .dropout_seed = 11,
         .kernel_l1 = i % 4 == 1 ? 0.0078125 : 0,
         .kernel_l2 = i % 4 == 2 ? 0.015625 : 0},
        {.kind = NN_KIND_dense,
         .units = 9,
         .use_bias = i % 2,
         .trainable = 1,
         .activation = (nn_activation)((i + 9) % NN_ACT_END),
         .activation_args = {0.5, (i + 9) % NN_ACT_END == NN_ACT_relu ? INFINITY : 0,
                             0}},
        {.kind = NN_KIND_dense,
         .units = r.n_out,
         .use_bias = 1,
         .trainable = 1,
         .activation = r.last},
    };
    nn_loss_spec loss = {.kind = r.loss,
                         .delta = 0.5,
                         .weight = 1,
                         .label_smoothing =
                             r.loss == NN_LOSS_categorical_crossentropy ? 0.125 : 0};
    nn_metric_spec metrics[] = {
        {.kind = NN_METRIC_loss_value, .loss = {.kind = NN_LOSS_mean_squared_error}},
        {.kind = NN_METRIC_binary_accuracy, .threshold = 0.5, .weighted = 1}};
    size_t n_metrics = r.loss == NN_LOSS_sparse_categorical_crossentropy ? 0 : 2;
    nn_optimizer_spec optimizer = {.kind = r.optimizer,
                                   .learning_rate_power = -0.7,
                                   .use_ema = i % 7 == 2,
                                   .ema_momentum = 0.9,
                                   .ema_overwrite_frequency = 3,
                                   .accumulation_steps = i % 7 == 4 ? 2 : 0,
                                   .momentum = i % 2 ? 0.9 : 0,
                                   .beta_1 = 0.9,
                                   .beta_2 = 0.999,
                                   .rho = 0.9,
                                   .epsilon = 1e-7,
                                   .initial_accumulator_value = 0.1,
                                   .weight_decay = i % 5 == 3 ? 0.004 : 0,
                                   .clipnorm = i % 5 == 1 ? 0.25 : 0,
                                   .clipvalue = i % 5 == 2 ? 0.125 : 0,
                                   .global_clipnorm = i % 5 == 4 ? 0.5 : 0,
                                   .nesterov = i % 2,
                                   .amsgrad = i % 3 == 1,
                                   .centered = i % 3 == 2};

    nn_net *net;
    must(nn_net_create(&net, dtype, NN_ISA_AUTO, r.n_in, layers, 3, 5), "create");
    must(nn_net_compile(net, &loss, metrics, n_metrics, &optimizer), "compile");
    for (size_t v = 0; v < nn_net_n_variables(net); v++) {
        size_t n = variable_size(net, v);
        void *values = alloc(n);
        for (size_t k = 0; k < n; k++)
            put(dtype, values, k, draw() * (is_wide ? 0.125 : 0.5));
        const void *in = values;
        must(nn_net_set_variables(net, v, 1, &in, NN_WAIT), "set_variables");
        free(values);
    }

    size_t columns = nn_net_target_columns(net);
    void *x = alloc(ROWS * r.n_in), *y = alloc(ROWS * columns), *w = alloc(ROWS);
    for (size_t k = 0; k < ROWS * r.n_in; k++)
        put(dtype, x, k, draw());
    for (size_t k = 0; k < ROWS; k++)
        put(dtype, w, k, 1 + 0.5 * draw());
    fill_targets(&r, dtype, y, columns);

    nn_data data = {x, y, i % 2 ? w : NULL, ROWS, (ptrdiff_t)r.n_in, (ptrdiff_t)columns,
                    0};
    double report[EPOCHS * 3] = {0};
    nn_train_args args = {.data = data,
                          .batch_size = r.batch,
                          .max_batches = SIZE_MAX,
                          .max_epochs = EPOCHS,
                          .report_columns = 1 + n_metrics,
                          .shuffle = 1,
                          .learning_rate = 0.01,
                          .on_nan = NN_NAN_CONTINUE};
    nn_train_result result;
    must(nn_net_train(net, &args, report, &result), "train");
    mix(NN_F64, report, EPOCHS * (1 + n_metrics));
    nn_evaluate_args whole = {
        .data = data, .n = ROWS, .batch_size = 32, .report_columns = 1 + n_metrics};
    must(nn_net_evaluate(net, &whole, report), "evaluate");
    mix(NN_F64, report, 1 + n_metrics);

    for (size_t v = 0; v < nn_net_n_variables(net); v++) {
        size_t n = variable_size(net, v);
        void *values = alloc(n);
        void *out = values;
        must(nn_net_get_variables(net, v, 1, &out, NN_WAIT), "get_variables");
        mix(dtype, values, n);
        for (size_t s = 0; s < nn_net_n_slots(net); s++) {
            must(nn_net_get_slot(net, s, v, values), "get_slot");
            mix(dtype, values, n);
        }
        free(values);
    }
    void *p = alloc(ROWS * r.n_out);
    must(nn_net_predict(net, x, (ptrdiff_t)r.n_in, ROWS, p, 0, NN_WAIT), "predict");
    mix(dtype, p, ROWS * r.n_out);

    printf("%s %-5s %2d %-13s %-32s %-8s loss %.6g hash %016llx\n",
           dtype == NN_F32 ? "f32" : "f64", is_wide ? "wide" : "small", i,
           nn_activation_name(r.activation), nn_loss_name(r.loss),
           nn_optimizer_name(r.optimizer), report[0], (unsigned long long)hash);
    if (shows) {
        nn_last_run last;
        nn_net_last_run(net, &last);
        fprintf(stderr, "%s, team of %u, %s\n", nn_isa_name(last.isa), last.team,
                last.engine);
    }
    nn_net_destroy(net);
    free(x), free(y), free(w), free(p);
}

int main(int argc, char **argv)
{
    int shows = argc > 1 && !strcmp(argv[1], "--show");
    for (int dtype = 0; dtype < NN_DTYPE_END; dtype++)
        for (int is_wide = 0; is_wide < 2; is_wide++)
            for (int i = 0; i < 2 * NN_ACT_END; i++)
                run(i, is_wide, (nn_dtype)dtype, shows && i == 0);
    return 0;
}
