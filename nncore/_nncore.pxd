# csrc/nncore.h as Cython sees it: the only `cdef extern` of the package.

from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport uint32_t, uint64_t


cdef extern from "nncore.h" nogil:
    ctypedef enum nn_status:
        NN_OK
        NN_ERR_MEMORY
        NN_ERR_SIZE
        NN_ERR_ISA
        NN_ERR_SPEC
        NN_ERR_STATE
        NN_ERR_BUSY
        NN_ERR_WAIT
        NN_STATUS_END

    const char *nn_status_message(nn_status status)

    ctypedef enum nn_dtype:
        NN_F32
        NN_F64

    ctypedef enum nn_isa:
        NN_ISA_END
        NN_ISA_AUTO

    ctypedef enum nn_activation:
        NN_ACT_END

    ctypedef enum nn_kind:
        NN_KIND_END

    ctypedef enum nn_noise:
        NN_NOISE_END

    ctypedef enum nn_constraint:
        NN_CONSTRAINT_END

    ctypedef enum nn_loss:
        NN_LOSS_END

    ctypedef enum nn_metric:
        NN_METRIC_END

    ctypedef enum nn_optimizer:
        NN_OPT_END

    const char *nn_isa_name(nn_isa id)
    const char *nn_activation_name(nn_activation id)
    const char *nn_kind_name(nn_kind id)
    const char *nn_noise_name(nn_noise id)
    const char *nn_constraint_name(nn_constraint id)
    const char *nn_loss_name(nn_loss id)
    const char *nn_metric_name(nn_metric id)
    const char *nn_optimizer_name(nn_optimizer id)

    int NN_ALL_AXES

    ctypedef struct nn_constraint_spec:
        nn_constraint kind
        int axis
        double min_value
        double max_value
        double rate

    ctypedef struct nn_layer_spec:
        nn_kind kind
        size_t units
        int use_bias
        int trainable
        nn_activation activation
        double activation_args[3]
        size_t columns
        int scale
        int center
        double momentum
        double epsilon
        size_t vocabulary
        const uint32_t *order
        size_t n_order
        nn_noise noise
        double dropout
        uint64_t dropout_seed
        double kernel_l1
        double kernel_l2
        double bias_l1
        double bias_l2
        double activity_l1
        double activity_l2
        nn_constraint_spec kernel_constraint
        nn_constraint_spec bias_constraint

    ctypedef struct nn_net:
        pass

    nn_status nn_net_create(nn_net **net, nn_dtype dtype, nn_isa isa, size_t n_in,
                            const nn_layer_spec *layers, size_t n_layers,
                            uint64_t seed)
    void nn_net_destroy(nn_net *net)

    ctypedef enum nn_reduction:
        NN_REDUCE_MEAN
        NN_REDUCE_SUM
        NN_REDUCE_WEIGHTED_MEAN

    ctypedef struct nn_loss_spec:
        nn_loss kind
        int from_logits
        double label_smoothing
        double delta
        double alpha
        double beta
        double gamma
        int balances
        double q
        double power
        int log_variance
        int full
        const double *list
        size_t n_list
        int ignores
        double ignored
        nn_reduction reduction
        double weight

    ctypedef struct nn_metric_spec:
        nn_metric kind
        nn_loss_spec loss
        double threshold
        int weighted

    ctypedef struct nn_optimizer_spec:
        nn_optimizer kind
        double momentum
        double beta_1
        double beta_2
        double rho
        double epsilon
        double initial_accumulator_value
        double learning_rate_power
        double l1
        double l2
        double l2_shrinkage
        double beta
        double weight_decay
        const unsigned char *undecayed
        double clipnorm
        double clipvalue
        double global_clipnorm
        double decay
        int nesterov
        int amsgrad
        int centered
        double loss_scale
        size_t accumulation_steps
        int use_ema
        double ema_momentum
        size_t ema_overwrite_frequency

    nn_status nn_net_compile(nn_net *net, const nn_loss_spec *loss,
                             const nn_metric_spec *metrics, size_t n_metrics,
                             const nn_optimizer_spec *optimizer)

    ctypedef struct nn_data:
        const void *x
        const void *y
        const void *weights
        size_t n_rows
        ptrdiff_t x_stride
        ptrdiff_t y_stride
        int is_stream

    ctypedef enum nn_on_nan:
        NN_NAN_STOP
        NN_NAN_CONTINUE

    ctypedef enum nn_patience:
        NN_WAIT
        NN_AT_ONCE

    ctypedef struct nn_outputs:
        void *y
        uint32_t *number
        size_t room

    ctypedef struct nn_train_args:
        nn_data data
        size_t batch_size
        size_t max_batches
        size_t max_epochs
        double seconds
        size_t start
        int shuffle
        const uint32_t *order
        size_t report_columns
        double learning_rate
        const double *learning_rates
        nn_on_nan on_nan
        nn_outputs outputs
        unsigned int threads
        nn_patience patience

    ctypedef struct nn_train_result:
        size_t batches
        size_t epochs
        size_t rows
        int is_nan
        size_t nan_batch

    nn_status nn_net_train(nn_net *net, const nn_train_args *args, double *report,
                           nn_train_result *result)
    nn_status nn_net_reset_epoch(nn_net *net)
    nn_status nn_net_running(nn_net *net, double *row, size_t columns)

    ctypedef struct nn_evaluate_args:
        nn_data data
        size_t first
        size_t n
        size_t batch_size
        size_t report_columns
        void *outputs
        unsigned int threads
        nn_patience patience

    nn_status nn_net_evaluate(nn_net *net, const nn_evaluate_args *args, double *report)
    nn_status nn_net_predict(nn_net *net, const void *x, ptrdiff_t x_stride,
                             size_t n_rows, void *y, unsigned int threads,
                             nn_patience patience)

    size_t nn_net_n_out(const nn_net *net)
    size_t nn_net_target_columns(const nn_net *net)
    size_t nn_net_n_variables(const nn_net *net)
    int nn_net_variable_shape(const nn_net *net, size_t index, size_t *shape)
    nn_status nn_net_get_variables(const nn_net *net, size_t first, size_t n,
                                   void **out, nn_patience patience)
    nn_status nn_net_set_variables(nn_net *net, size_t first, size_t n,
                                   const void **data, nn_patience patience)
    size_t nn_net_n_slots(const nn_net *net)
    nn_status nn_net_get_slot(const nn_net *net, size_t slot, size_t index, void *out)
    nn_status nn_net_set_slot(nn_net *net, size_t slot, size_t index, const void *data)
    nn_status nn_net_gradient(nn_net *net, const nn_data *data, unsigned int threads,
                              double *loss)
    nn_status nn_net_get_gradient(const nn_net *net, size_t index, void *out)

    ctypedef struct nn_counters:
        uint64_t seed
        uint64_t steps
        uint64_t steps_lived
        uint64_t epochs_lived
        double beta_1_power
        double beta_2_power
        double momentum_product
        double schedule_power

    nn_status nn_net_get_counters(nn_net *net, nn_counters *counters)
    nn_status nn_net_set_counters(nn_net *net, const nn_counters *counters)
    size_t nn_net_epoch_size(const nn_net *net)
    nn_status nn_net_get_epoch(nn_net *net, double *out, size_t n)
    nn_status nn_net_set_epoch(nn_net *net, const double *data, size_t n)

    ctypedef struct nn_last_run:
        unsigned int team
        nn_isa isa
        const char *engine

    void nn_net_last_run(const nn_net *net, nn_last_run *run)
    double nn_net_microseconds(const nn_net *net, size_t n_rows, int training)

    int nn_isa_built(nn_isa isa)
    int nn_isa_supported(nn_isa isa)
    nn_isa nn_isa_default()
    void nn_set_num_threads(unsigned int n)
    unsigned int nn_get_num_threads()
    ctypedef struct nn_thread_limits:
        unsigned int user
        unsigned int openmp
        unsigned int cpus
        unsigned int quota
    void nn_get_thread_limits(nn_thread_limits *limits)
    int nn_has_openmp()

    nn_status nn_activation_forward(nn_dtype dtype, nn_isa isa, nn_activation act,
                                    const double *args, void *out, const void *z,
                                    size_t rows, size_t cols)
    nn_status nn_activation_backward(nn_dtype dtype, nn_isa isa, nn_activation act,
                                     const double *args, void *out, const void *dy,
                                     const void *z, size_t rows, size_t cols)

    nn_status nn_measure_arithmetic(nn_dtype dtype, nn_isa isa, size_t times,
                                    unsigned int threads, size_t *done)
    nn_status nn_measure_reading(nn_dtype dtype, nn_isa isa, const void *p, size_t n,
                                 size_t times, unsigned int threads, size_t *done)
