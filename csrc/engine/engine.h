/* engine.h: what nncore.c sees of a network: the part that no dtype changes, and the
   entries of the engine that was compiled for its dtype. */
#ifndef NN_ENGINE_H
#define NN_ENGINE_H

#include <stdatomic.h>

#include "nncore.h"

/* Which array of a variable: its values, its gradient, or optimizer slot `slot`. */
enum nn_array { NN_VALUES, NN_GRADIENTS, NN_SLOTS };

/* place: 0 kernel, gamma, alpha, table; 1 bias, beta; 2, 3 moving mean and variance. A
   vector is of rank 1 and has one row. */
struct nn_variable {
    size_t layer, rows, cols;
    int place, rank;
};

struct nn_net {
    const struct nn_engine *engine;
    nn_dtype dtype;
    nn_isa isa;
    size_t n_in, n_out;
    size_t target_columns;
    size_t n_layers, n_variables, n_slots, n_metrics;
    struct nn_variable *variables;
    nn_counters counters;
    atomic_uint last_team;
    atomic_int is_tiny;
    int is_compiled;
};

struct nn_engine {
    nn_status (*create)(nn_net **net, nn_isa isa, size_t n_in,
                        const nn_layer_spec *layers, size_t n_layers, uint64_t seed);
    void (*destroy)(nn_net *net);
    nn_status (*compile)(nn_net *net, const nn_loss_spec *loss,
                         const nn_metric_spec *metrics, size_t n_metrics,
                         const nn_optimizer_spec *optimizer);
    nn_status (*train)(nn_net *net, const nn_train_args *args, double *report,
                       nn_train_result *result);
    nn_status (*reset_epoch)(nn_net *net);
    nn_status (*running)(nn_net *net, double *row, size_t columns);
    nn_status (*evaluate)(nn_net *net, const nn_evaluate_args *args, double *report);
    nn_status (*predict)(nn_net *net, const void *x, ptrdiff_t x_stride, size_t n_rows,
                         void *y, unsigned threads, nn_patience patience);
    nn_status (*gradient)(nn_net *net, const nn_data *data, unsigned threads,
                          double *loss);
    nn_status (*read)(const nn_net *net, enum nn_array which, size_t slot, size_t first,
                      size_t n, void *const *out, nn_patience patience);
    nn_status (*write)(nn_net *net, enum nn_array which, size_t slot, size_t first,
                       size_t n, const void *const *in, nn_patience patience);
    nn_status (*get_counters)(nn_net *net, nn_counters *counters);
    nn_status (*set_counters)(nn_net *net, const nn_counters *counters);
    size_t (*epoch_size)(const nn_net *net);
    nn_status (*get_epoch)(nn_net *net, double *out, size_t n);
    nn_status (*set_epoch)(nn_net *net, const double *in, size_t n);
    double (*microseconds)(const nn_net *net, size_t n_rows, int training);
    nn_status (*activation)(nn_isa isa, nn_activation act, const double args[3],
                            void *out, const void *dy, const void *z, size_t rows,
                            size_t cols);
    nn_status (*measure)(nn_isa isa, const void *p, size_t n, size_t times,
                         unsigned threads, size_t *done);
};

extern const struct nn_engine nn_engine_f32, nn_engine_f64;

#endif
