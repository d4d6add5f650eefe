/* nncore.h: the whole public interface of the C core.

   A network is described (nn_layer_spec), created with all its parameters
   (nn_net_create), told what to optimise (nn_net_compile), then trained, evaluated
   and asked for predictions, any number of batches per call. Arrays are void * of the
   network's dtype; every size is in elements, every row stride too. Functions return
   a status and never print, exit, or touch errno; only OpenMP itself ends the process
   where the system has no thread for a team. Nothing here knows Python.

   Next stop: engine/train.c, the loop that nn_net_train runs. */
#ifndef NNCORE_H
#define NNCORE_H

#include <stddef.h>
#include <stdint.h>

/* ---- Status and names ---------------------------------------------------------- */

typedef enum nn_status {
    NN_OK,
    NN_ERR_MEMORY, /* an allocation failed; the network is as before the call, but
                      nn_net_predict may have written a part of y */
    NN_ERR_SIZE,   /* a size is zero, overflows, or exceeds what the core can index */
    NN_ERR_ISA,    /* the instruction set is not built in, or this CPU lacks it */
    NN_ERR_SPEC,   /* a specification names an unknown id or an impossible value */
    NN_ERR_STATE,  /* training or evaluation before nn_net_compile */
    NN_ERR_BUSY,   /* a fork broke a change of this network off */
    NN_ERR_WAIT,   /* others are using this network, and the call was not to wait */
    NN_STATUS_END
} nn_status;

/* One English sentence; never NULL, also for unknown values. */
const char *nn_status_message(nn_status status);

typedef enum nn_dtype { NN_F32, NN_F64, NN_DTYPE_END } nn_dtype;

/* Instruction sets, narrowest first. NN_ISA_AUTO takes NNCORE_ISA from the
   environment, else the best that is built in and that this CPU has. */
#define NN_ISAS(X)                                                                     \
    X(generic)                                                                         \
    X(avx2)                                                                            \
    X(avx512)                                                                          \
    X(neon)
#define NN_ENUM(name) NN_ISA_##name,
typedef enum nn_isa { NN_ISAS(NN_ENUM) NN_ISA_END, NN_ISA_AUTO = NN_ISA_END } nn_isa;
#undef NN_ENUM

/* Activations f(z), one name each; args are nn_layer_spec.activation_args.
   relu: args negative_slope, max_value, threshold; leaky_relu: negative_slope;
   elu and celu: alpha. Formulas stand in kernels/activation.c. */
#define NN_ACTIVATIONS(X)                                                              \
    X(linear)                                                                          \
    X(relu)                                                                            \
    X(leaky_relu)                                                                      \
    X(relu6)                                                                           \
    X(elu)                                                                             \
    X(selu)                                                                            \
    X(celu)                                                                            \
    X(gelu)                                                                            \
    X(gelu_tanh)                                                                       \
    X(sigmoid)                                                                         \
    X(hard_sigmoid)                                                                    \
    X(log_sigmoid)                                                                     \
    X(tanh)                                                                            \
    X(softplus)                                                                        \
    X(softsign)                                                                        \
    X(silu)                                                                            \
    X(mish)                                                                            \
    X(exponential)                                                                     \
    X(softmax)                                                                         \
    X(log_softmax)
#define NN_ENUM(name) NN_ACT_##name,
typedef enum nn_activation { NN_ACTIVATIONS(NN_ENUM) NN_ACT_END } nn_activation;
#undef NN_ENUM

/* What a layer makes of its input before f; formulas stand in kernels/norm.c. none: z =
   x; gather: columns in another order; embedding: rows of a table by their numbers. */
#define NN_KINDS(X)                                                                    \
    X(none)                                                                            \
    X(dense)                                                                           \
    X(batch_normalization)                                                             \
    X(layer_normalization)                                                             \
    X(rms_normalization)                                                               \
    X(unit_normalization)                                                              \
    X(prelu)                                                                           \
    X(gather)                                                                          \
    X(embedding)
#define NN_ENUM(name) NN_KIND_##name,
typedef enum nn_kind { NN_KINDS(NN_ENUM) NN_KIND_END } nn_kind;
#undef NN_ENUM

/* What training does to outputs at random; formulas stand in kernels/noise.c. */
#define NN_NOISES(X)                                                                   \
    X(dropout)                                                                         \
    X(gaussian_dropout)                                                                \
    X(gaussian_noise)                                                                  \
    X(alpha_dropout)
#define NN_ENUM(name) NN_NOISE_##name,
typedef enum nn_noise { NN_NOISES(NN_ENUM) NN_NOISE_END } nn_noise;
#undef NN_ENUM

/* What parameters must be after every update; formulas stand in engine/constrain.c. */
#define NN_CONSTRAINTS(X)                                                              \
    X(unconstrained)                                                                   \
    X(non_neg)                                                                         \
    X(max_norm)                                                                        \
    X(unit_norm)                                                                       \
    X(min_max_norm)
#define NN_ENUM(name) NN_CONSTRAINT_##name,
typedef enum nn_constraint { NN_CONSTRAINTS(NN_ENUM) NN_CONSTRAINT_END } nn_constraint;
#undef NN_ENUM

/* Losses; formulas stand in kernels/loss.c. The *_logits forms take the network's
   last pre-activation; nn_net_compile chooses them where the last activation allows. */
#define NN_LOSSES(X)                                                                   \
    X(mean_squared_error)                                                              \
    X(mean_absolute_error)                                                             \
    X(huber)                                                                           \
    X(log_cosh)                                                                        \
    X(binary_crossentropy)                                                             \
    X(binary_crossentropy_logits)                                                      \
    X(categorical_crossentropy)                                                        \
    X(categorical_crossentropy_logits)                                                 \
    X(sparse_categorical_crossentropy)                                                 \
    X(sparse_categorical_crossentropy_logits)                                          \
    X(hinge)                                                                           \
    X(squared_hinge)                                                                   \
    X(categorical_hinge)                                                               \
    X(kl_divergence)                                                                   \
    X(poisson)                                                                         \
    X(mean_absolute_percentage_error)                                                  \
    X(mean_squared_logarithmic_error)                                                  \
    X(cosine_similarity)                                                               \
    X(binary_focal_crossentropy)                                                       \
    X(binary_focal_crossentropy_logits)                                                \
    X(categorical_focal_crossentropy)                                                  \
    X(categorical_focal_crossentropy_logits)                                           \
    X(categorical_generalized_cross_entropy)                                           \
    X(dice)                                                                            \
    X(tversky)                                                                         \
    X(quantile)                                                                        \
    X(tweedie)                                                                         \
    X(gaussian_nll)
#define NN_ENUM(name) NN_LOSS_##name,
typedef enum nn_loss { NN_LOSSES(NN_ENUM) NN_LOSS_END } nn_loss;
#undef NN_ENUM

/* Metrics: a mean over rows of one number per row. loss_value is any loss by name. */
#define NN_METRICS(X)                                                                  \
    X(loss_value)                                                                      \
    X(binary_accuracy)                                                                 \
    X(categorical_accuracy)                                                            \
    X(sparse_categorical_accuracy)
#define NN_ENUM(name) NN_METRIC_##name,
typedef enum nn_metric { NN_METRICS(NN_ENUM) NN_METRIC_END } nn_metric;
#undef NN_ENUM

/* Optimizers; formulas stand in kernels/optimizer.c. */
#define NN_OPTIMIZERS(X)                                                               \
    X(sgd)                                                                             \
    X(rmsprop)                                                                         \
    X(adagrad)                                                                         \
    X(adadelta)                                                                        \
    X(adam)                                                                            \
    X(adamax)                                                                          \
    X(nadam)                                                                           \
    X(lion)                                                                            \
    X(ftrl)
#define NN_ENUM(name) NN_OPT_##name,
typedef enum nn_optimizer { NN_OPTIMIZERS(NN_ENUM) NN_OPT_END } nn_optimizer;
#undef NN_ENUM

/* Name of an id, e.g. "relu"; NULL past the end. */
const char *nn_isa_name(nn_isa id);
const char *nn_activation_name(nn_activation id);
const char *nn_kind_name(nn_kind id);
const char *nn_noise_name(nn_noise id);
const char *nn_constraint_name(nn_constraint id);
const char *nn_loss_name(nn_loss id);
const char *nn_metric_name(nn_metric id);
const char *nn_optimizer_name(nn_optimizer id);

/* ---- Create, describe, destroy ------------------------------------------------- */

/* Norms over axis 0 (columns of a matrix, all of a vector), 1 (rows) or NN_ALL_AXES. */
#define NN_ALL_AXES (-1)
typedef struct nn_constraint_spec {
    nn_constraint kind;
    int axis;
    double min_value, max_value, rate; /* min_max_norm; max_norm has max_value */
} nn_constraint_spec;

/* One layer: y = f(kind(x)), noise(y). Dense: x W + b. Variables, those that exist:
   dense W, b; normalizations gamma, beta, and for batches the moving mean and variance;
   prelu alpha; embedding its table. kernel_ also means gamma, alpha and the table,
   bias_ also beta. */
typedef struct nn_layer_spec {
    nn_kind kind;
    size_t units;             /* dense: columns of W; embedding: of its table */
    int use_bias;             /* dense: 0: no b */
    int trainable;            /* 0: no variable is ever updated, the moving ones too */
    nn_activation activation; /* f */
    double activation_args[3];
    size_t columns;           /* normalizations, prelu: length of their variables; x has
                                 a whole number of such groups, each by itself;
                                 embedding: the first of x, which pass as they are */
    int scale, center;        /* normalizations: 0: no gamma, no beta */
    double momentum, epsilon; /* normalizations */
    size_t vocabulary;        /* embedding: rows of its table; at most 2^24 in float32,
                                 2^53 in float64: x names them exactly */
    const uint32_t *order;    /* gather: [n_order] columns of x; copied */
    size_t n_order;
    nn_noise noise;
    double dropout; /* rate of a dropout, in [0, 1]; standard deviation; 0: no noise */
    uint64_t dropout_seed;
    double kernel_l1, kernel_l2; /* loss += l1 sum|W| + l2 sum W^2 */
    double bias_l1, bias_l2;
    double activity_l1, activity_l2; /* loss += (l1 sum|y| + l2 sum y^2) / rows */
    nn_constraint_spec kernel_constraint, bias_constraint;
} nn_layer_spec;

typedef struct nn_net nn_net;

/* Parameters start at zero. On failure *net is NULL. seed drives row shuffling. */
nn_status nn_net_create(nn_net **net, nn_dtype dtype, nn_isa isa, size_t n_in,
                        const nn_layer_spec *layers, size_t n_layers, uint64_t seed);
void nn_net_destroy(nn_net *net); /* NULL is fine */

/* How the losses l of a batch's rows, with weights w, become the batch's loss. */
typedef enum nn_reduction {
    NN_REDUCE_MEAN,          /* sum w l / rows */
    NN_REDUCE_SUM,           /* sum w l */
    NN_REDUCE_WEIGHTED_MEAN, /* sum w l / sum w */
    NN_REDUCE_END
} nn_reduction;

typedef struct nn_loss_spec {
    nn_loss kind;           /* never a *_logits form: see from_logits */
    int from_logits;        /* crossentropies: the network's output is a logit */
    double label_smoothing; /* crossentropies, in [0, 1] */
    double delta;           /* huber */
    double alpha, beta;     /* tversky; alpha: focal crossentropies */
    double gamma;           /* focal crossentropies */
    int balances;           /* binary focal: classes count alpha and 1 - alpha */
    double q;               /* categorical_generalized_cross_entropy */
    double power;           /* tweedie */
    int log_variance, full; /* gaussian_nll */
    const double *list;     /* quantile: the quantiles; categorical focal: alpha of */
    size_t n_list;          /* each class, or none */
    int ignores;            /* sparse: rows with the label `ignored` do not count */
    double ignored;
    nn_reduction reduction; /* of what is optimised, not of metrics */
    double weight;          /* the batch's loss, or the metric, is multiplied by it */
} nn_loss_spec;

typedef struct nn_metric_spec {
    nn_metric kind;
    nn_loss_spec loss; /* for loss_value */
    double threshold;  /* for binary_accuracy */
    int weighted;      /* row weights apply: sum(w v) / sum(w) */
} nn_metric_spec;

typedef struct nn_optimizer_spec {
    nn_optimizer kind;
    double momentum, beta_1, beta_2, rho, epsilon;
    double initial_accumulator_value;                       /* adagrad, ftrl */
    double learning_rate_power, l1, l2, l2_shrinkage, beta; /* ftrl */
    double weight_decay;            /* w -= lr weight_decay w; 0: none */
    const unsigned char *undecayed; /* [variables] 1: no weight decay; NULL: no such */
    double clipnorm, clipvalue, global_clipnorm; /* 0: none */
    double decay;                                /* lr_t = lr / (1 + decay t) */
    int nesterov, amsgrad, centered;
    double loss_scale;              /* of the loss that is differentiated; 0: none */
    size_t accumulation_steps;      /* batches whose mean gradient is one's; 0: 1 */
    int use_ema;                    /* keep a running average of the weights, ... */
    double ema_momentum;            /* ... a = m a + (1 - m) w after each batch, ... */
    size_t ema_overwrite_frequency; /* ... w = a after so many updates; 0: never */
} nn_optimizer_spec;

/* Set what is optimised. Parameters stay; optimizer state and step count start anew.
   Targets have nn_net_target_columns columns. */
nn_status nn_net_compile(nn_net *net, const nn_loss_spec *loss,
                         const nn_metric_spec *metrics, size_t n_metrics,
                         const nn_optimizer_spec *optimizer);

/* ---- Train, evaluate, predict -------------------------------------------------- */

typedef struct nn_data {
    const void *x;       /* [n_rows][n_in], rows x_stride elements apart */
    const void *y;       /* [n_rows][target columns], rows y_stride elements apart */
    const void *weights; /* [n_rows] or NULL: all 1 */
    size_t n_rows;
    ptrdiff_t x_stride, y_stride;
    int is_stream; /* these rows follow those of the calls before, in the same pass */
} nn_data;

typedef enum nn_on_nan { NN_NAN_STOP, NN_NAN_CONTINUE } nn_on_nan;

/* What a call does while others use the network in a way that excludes it. */
typedef enum nn_patience { NN_WAIT, NN_AT_ONCE /* or NN_ERR_WAIT */ } nn_patience;

/* Where a call leaves the network's outputs for its rows, as loss and metrics saw them,
   in the order in which the rows came. */
typedef struct nn_outputs {
    void *y;          /* [room][n_out]; NULL: they are not wanted */
    uint32_t *number; /* [room] of each one's row */
    size_t room;      /* at least a batch; the call returns before it would overflow */
} nn_outputs;

typedef struct nn_train_args {
    nn_data data;
    size_t batch_size;  /* the last batch of an epoch may be shorter */
    size_t max_batches; /* return after this many batches, ... */
    size_t max_epochs;  /* ... or when this many epochs have ended in this call, ... */
    double seconds;     /* ... or after the step in which they are up; 0: no limit */
    size_t start;       /* of a stream's rows: the calls before trained on so many */
    int shuffle;        /* a new order each epoch, from seed and epochs begun */
    const uint32_t *order; /* [n_rows] row numbers used instead; NULL: none */
    size_t report_columns; /* must be 1 + n_metrics */
    double learning_rate;
    const double *learning_rates; /* [max_batches] of each batch instead; NULL: none */
    nn_on_nan on_nan;
    nn_outputs outputs;
    unsigned threads; /* at most this many; 0: the process's default */
    nn_patience patience;
} nn_train_args;

typedef struct nn_train_result {
    size_t batches;   /* batches whose update was done in this call */
    size_t epochs;    /* epochs that ended in this call */
    size_t rows;      /* of those batches */
    int is_nan;       /* a batch loss was not finite (stop: that update was not done) */
    size_t nan_batch; /* its index within its epoch, from 0 */
} nn_train_result;

/* Go on training where the last call stopped: the position in the epoch, its order and
   its running sums live in the network. An epoch keeps the shuffle that it began with;
   order must be given again in each call; another n_rows, and a stream after rows that
   are none or the reverse, begins a new epoch. Each epoch that ends writes one row to
   report: [max_epochs][1 + n_metrics], loss and metrics, each the mean over the epoch's
   rows, measured before each batch's update. Weights are the same bits for every way of
   cutting the work into calls. A stream's epoch goes on through calls until
   nn_net_reset_epoch; each call, with max_epochs = 1 and no shuffle or order, reports
   the means so far. */
nn_status nn_net_train(nn_net *net, const nn_train_args *args, double *report,
                       nn_train_result *result);

/* Forget a half-done epoch: the next nn_net_train starts a new one. */
nn_status nn_net_reset_epoch(nn_net *net);

/* Means so far in the epoch under way: row[columns = 1 + n_metrics]; 0 before its first
   batch. */
nn_status nn_net_running(nn_net *net, double *row, size_t columns);

typedef struct nn_evaluate_args {
    nn_data data;
    size_t first, n;       /* rows [first, first + n) of data; of a stream all of it */
    size_t batch_size;     /* whose losses are reduced, if not to their mean */
    size_t report_columns; /* must be 1 + n_metrics */
    void *outputs;         /* [n][n_out], or NULL */
    unsigned threads;
    nn_patience patience;
} nn_evaluate_args;

/* Loss and metrics over some rows of data, no update, no dropout. first = 0 begins the
   sums anew, later parts must follow in order; the part that ends with the last row
   fills report[1 + n_metrics], of a stream every part. The parts change no bit; where
   the loss is not reduced to the mean, each but the last is a number of whole batches.
 */
nn_status nn_net_evaluate(nn_net *net, const nn_evaluate_args *args, double *report);

/* y[n_rows][n_out] = f(x), y apart from x. May run on many threads at once with other
   predictions. */
nn_status nn_net_predict(nn_net *net, const void *x, ptrdiff_t x_stride, size_t n_rows,
                         void *y, unsigned threads, nn_patience patience);

/* ---- Parameters and state ------------------------------------------------------ */

size_t nn_net_n_out(const nn_net *net);
size_t nn_net_target_columns(const nn_net *net); /* 1 for sparse labels, else n_out */
size_t nn_net_n_variables(const nn_net *net);    /* of all layers, in order */
/* Returns the rank: 2 for a kernel [n_in][n_out] or a table, 1 for a vector. */
int nn_net_variable_shape(const nn_net *net, size_t index, size_t shape[2]);
/* n variables from the first on, all of one moment: what trains, predicts or sets in
   other threads comes before or after the whole. */
nn_status nn_net_get_variables(const nn_net *net, size_t first, size_t n,
                               void *const *out, nn_patience patience);
nn_status nn_net_set_variables(nn_net *net, size_t first, size_t n,
                               const void *const *in, nn_patience patience);

/* Optimizer slots, shaped like the variables: the rule's moments in its order, then the
   average of the weights, then the sum of gradients, as far as they are kept. */
size_t nn_net_n_slots(const nn_net *net);
nn_status nn_net_get_slot(const nn_net *net, size_t slot, size_t index, void *out);
nn_status nn_net_set_slot(nn_net *net, size_t slot, size_t index, const void *in);

/* Loss of the batch given and its gradient, dropout off, regularizers included, without
   an update; then the gradient shaped like a variable. That of a frozen one is 0.
   threads: 0 is the process's number. */
nn_status nn_net_gradient(nn_net *net, const nn_data *data, unsigned threads,
                          double *loss);
nn_status nn_net_get_gradient(const nn_net *net, size_t index, void *out);

/* Everything else that a resumed training needs. */
typedef struct nn_counters {
    uint64_t seed;         /* of shuffling */
    uint64_t steps;        /* batches trained since nn_net_compile */
    uint64_t steps_lived;  /* batches trained in the model's life: dropout's counter */
    uint64_t epochs_lived; /* shuffled epochs begun in the model's life */
    double beta_1_power, beta_2_power;       /* running products of the optimizer */
    double momentum_product, schedule_power; /* nadam: product of u_t; 0.96^t */
} nn_counters;
nn_status nn_net_get_counters(nn_net *net, nn_counters *counters);
nn_status nn_net_set_counters(nn_net *net, const nn_counters *counters);

/* The epoch under way, its place and its sums, as n = nn_net_epoch_size numbers. A
   network with the same layers, compiled alike, goes on from there once it has been
   given the variables, the slots, the counters and then these. */
size_t nn_net_epoch_size(const nn_net *net);
nn_status nn_net_get_epoch(nn_net *net, double *out, size_t n);
nn_status nn_net_set_epoch(nn_net *net, const double *in, size_t n);

/* ---- Introspection ------------------------------------------------------------- */

/* The team of the last train, evaluate or predict call of this network, and the engine
   of its last train or gradient call. */
typedef struct nn_last_run {
    unsigned team; /* threads that took part */
    nn_isa isa;
    const char *engine; /* "tiny" or "panel" */
} nn_last_run;
void nn_net_last_run(const nn_net *net, nn_last_run *run);

/* Estimated microseconds of one thread for n_rows rows; used to decide about the GIL.
 */
double nn_net_microseconds(const nn_net *net, size_t n_rows, int training);

int nn_isa_built(nn_isa isa);     /* compiled in */
int nn_isa_supported(nn_isa isa); /* this CPU and its system can run it */
nn_isa nn_isa_default(void);      /* what NN_ISA_AUTO would take; NN_ISA_END if wrong */

/* Threads: min(the user's number, OpenMP's, CPU affinity, cgroup quota). 0 resets. */
void nn_set_num_threads(unsigned n);
unsigned nn_get_num_threads(void);
typedef struct nn_thread_limits {
    unsigned user, openmp, cpus, quota; /* 0: none */
} nn_thread_limits;
void nn_get_thread_limits(nn_thread_limits *limits);
int nn_has_openmp(void);

/* Values of one activation or derivative, elementwise or by rows, for tests and
   plots: out[rows][cols]; derivative: out = dy * f'(z). */
nn_status nn_activation_forward(nn_dtype dtype, nn_isa isa, nn_activation act,
                                const double args[3], void *out, const void *z,
                                size_t rows, size_t cols);
nn_status nn_activation_backward(nn_dtype dtype, nn_isa isa, nn_activation act,
                                 const double args[3], void *out, const void *dy,
                                 const void *z, size_t rows, size_t cols);

/* Work to be timed: what this CPU can do at most. Each thread does `times` rounds of
   independent multiply-adds in registers; or the threads read p[n] `times` times, each
   a part of its own. *done: multiply-adds done, or elements read, by all together. */
nn_status nn_measure_arithmetic(nn_dtype dtype, nn_isa isa, size_t times,
                                unsigned threads, size_t *done);
nn_status nn_measure_reading(nn_dtype dtype, nn_isa isa, const void *p, size_t n,
                             size_t times, unsigned threads, size_t *done);

#endif
