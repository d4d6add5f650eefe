/* nncore.c: names, messages, and the step from nncore.h to the engine of a dtype. */
#include "nncore.h"

#include "base/cpu.h"
#include "base/parallel.h"
#include "engine/engine.h"

const char *nn_status_message(nn_status status)
{
    static const char *const messages[NN_STATUS_END] = {
        [NN_OK] = "Success.",
        [NN_ERR_MEMORY] = "Not enough memory.",
        [NN_ERR_SIZE] = "A size is zero, overflows, or is larger than the core can "
                        "index.",
        [NN_ERR_ISA] = "The instruction set asked for is not built in, or this CPU "
                       "lacks it.",
        [NN_ERR_SPEC] = "A specification names an unknown id or an impossible value.",
        [NN_ERR_STATE] = "The network has not been compiled yet.",
        [NN_ERR_BUSY] =
            "The network is busy: a thread that a fork left behind was changing it.",
        [NN_ERR_WAIT] = "The network is busy: another thread is using it.",
    };
    return (unsigned)status < NN_STATUS_END ? messages[status] : "Unknown status.";
}

#define NN_NAME(name) #name,
const char *nn_isa_name(nn_isa id)
{
    static const char *const names[] = {NN_ISAS(NN_NAME)};
    return (unsigned)id < NN_ISA_END ? names[id] : NULL;
}
const char *nn_activation_name(nn_activation id)
{
    static const char *const names[] = {NN_ACTIVATIONS(NN_NAME)};
    return (unsigned)id < NN_ACT_END ? names[id] : NULL;
}
const char *nn_kind_name(nn_kind id)
{
    static const char *const names[] = {NN_KINDS(NN_NAME)};
    return (unsigned)id < NN_KIND_END ? names[id] : NULL;
}
const char *nn_noise_name(nn_noise id)
{
    static const char *const names[] = {NN_NOISES(NN_NAME)};
    return (unsigned)id < NN_NOISE_END ? names[id] : NULL;
}
const char *nn_constraint_name(nn_constraint id)
{
    static const char *const names[] = {NN_CONSTRAINTS(NN_NAME)};
    return (unsigned)id < NN_CONSTRAINT_END ? names[id] : NULL;
}
const char *nn_loss_name(nn_loss id)
{
    static const char *const names[] = {NN_LOSSES(NN_NAME)};
    return (unsigned)id < NN_LOSS_END ? names[id] : NULL;
}
const char *nn_metric_name(nn_metric id)
{
    static const char *const names[] = {NN_METRICS(NN_NAME)};
    return (unsigned)id < NN_METRIC_END ? names[id] : NULL;
}
const char *nn_optimizer_name(nn_optimizer id)
{
    static const char *const names[] = {NN_OPTIMIZERS(NN_NAME)};
    return (unsigned)id < NN_OPT_END ? names[id] : NULL;
}

/* ---- instruction sets ---------------------------------------------------------- */

int nn_isa_built(nn_isa isa)
{
    static const unsigned char built[NN_ISA_END] = {
#define NN_BUILT(name) [NN_ISA_##name] = 1,
        NN_ISA_LIST(NN_BUILT)};
    return (unsigned)isa < NN_ISA_END && built[isa];
}

int nn_isa_supported(nn_isa isa)
{
    return (unsigned)isa < NN_ISA_END && nn_cpu_has(isa);
}

nn_isa nn_isa_default(void)
{
    int wish = nn_cpu_isa_wish();
    if (wish < 0) return NN_ISA_END;
    if (wish != NN_ISA_AUTO) return (nn_isa)wish;
    nn_isa best = NN_ISA_generic;
    for (int isa = 0; isa < NN_ISA_END; isa++)
        if (nn_isa_built((nn_isa)isa) && nn_cpu_has((nn_isa)isa)) best = (nn_isa)isa;
    return best;
}

/* ---- networks ------------------------------------------------------------------ */

static const struct nn_engine *engine_of(nn_dtype dtype)
{
    static const struct nn_engine *const engines[NN_DTYPE_END] = {
        [NN_F32] = &nn_engine_f32, [NN_F64] = &nn_engine_f64};
    return (unsigned)dtype < NN_DTYPE_END ? engines[dtype] : NULL;
}

nn_status nn_net_create(nn_net **net, nn_dtype dtype, nn_isa isa, size_t n_in,
                        const nn_layer_spec *layers, size_t n_layers, uint64_t seed)
{
    const struct nn_engine *engine = engine_of(dtype);
    *net = NULL;
    if (!engine) return NN_ERR_SPEC;
    if (isa == NN_ISA_AUTO) isa = nn_isa_default();
    nn_float_modes modes = nn_enter_float();
    nn_status status = engine->create(net, isa, n_in, layers, n_layers, seed);
    nn_leave_float(modes);
    return status;
}

void nn_net_destroy(nn_net *net)
{
    if (net) net->engine->destroy(net);
}

nn_status nn_net_compile(nn_net *net, const nn_loss_spec *loss,
                         const nn_metric_spec *metrics, size_t n_metrics,
                         const nn_optimizer_spec *optimizer)
{
    nn_float_modes modes = nn_enter_float();
    nn_status status = net->engine->compile(net, loss, metrics, n_metrics, optimizer);
    nn_leave_float(modes);
    return status;
}

nn_status nn_net_train(nn_net *net, const nn_train_args *args, double *report,
                       nn_train_result *result)
{
    nn_float_modes modes = nn_enter_float();
    nn_status status = net->engine->train(net, args, report, result);
    nn_leave_float(modes);
    return status;
}

nn_status nn_net_reset_epoch(nn_net *net) { return net->engine->reset_epoch(net); }

nn_status nn_net_running(nn_net *net, double *row, size_t columns)
{
    nn_float_modes modes = nn_enter_float();
    nn_status status = net->engine->running(net, row, columns);
    nn_leave_float(modes);
    return status;
}

nn_status nn_net_evaluate(nn_net *net, const nn_evaluate_args *args, double *report)
{
    nn_float_modes modes = nn_enter_float();
    nn_status status = net->engine->evaluate(net, args, report);
    nn_leave_float(modes);
    return status;
}

nn_status nn_net_predict(nn_net *net, const void *x, ptrdiff_t x_stride, size_t n_rows,
                         void *y, unsigned threads, nn_patience patience)
{
    return net->engine->predict(net, x, x_stride, n_rows, y, threads, patience);
}

nn_status nn_net_gradient(nn_net *net, const nn_data *data, unsigned threads,
                          double *loss)
{
    nn_float_modes modes = nn_enter_float();
    nn_status status = net->engine->gradient(net, data, threads, loss);
    nn_leave_float(modes);
    return status;
}

/* ---- parameters and state ------------------------------------------------------ */

size_t nn_net_n_out(const nn_net *net) { return net->n_out; }
size_t nn_net_target_columns(const nn_net *net) { return net->target_columns; }
size_t nn_net_n_variables(const nn_net *net) { return net->n_variables; }
size_t nn_net_n_slots(const nn_net *net) { return net->n_slots; }

int nn_net_variable_shape(const nn_net *net, size_t index, size_t shape[2])
{
    const struct nn_variable *variable = &net->variables[index];
    shape[0] = variable->rank == 1 ? variable->cols : variable->rows;
    shape[1] = variable->rank == 1 ? 1 : variable->cols;
    return variable->rank;
}

nn_status nn_net_get_variables(const nn_net *net, size_t first, size_t n,
                               void *const *out, nn_patience patience)
{
    return net->engine->read(net, NN_VALUES, 0, first, n, out, patience);
}

nn_status nn_net_set_variables(nn_net *net, size_t first, size_t n,
                               const void *const *in, nn_patience patience)
{
    return net->engine->write(net, NN_VALUES, 0, first, n, in, patience);
}

nn_status nn_net_get_slot(const nn_net *net, size_t slot, size_t index, void *out)
{
    return net->engine->read(net, NN_SLOTS, slot, index, 1, &out, NN_WAIT);
}

nn_status nn_net_set_slot(nn_net *net, size_t slot, size_t index, const void *in)
{
    return net->engine->write(net, NN_SLOTS, slot, index, 1, &in, NN_WAIT);
}

nn_status nn_net_get_gradient(const nn_net *net, size_t index, void *out)
{
    return net->engine->read(net, NN_GRADIENTS, 0, index, 1, &out, NN_WAIT);
}

nn_status nn_net_get_counters(nn_net *net, nn_counters *counters)
{
    return net->engine->get_counters(net, counters);
}

nn_status nn_net_set_counters(nn_net *net, const nn_counters *counters)
{
    return net->engine->set_counters(net, counters);
}

size_t nn_net_epoch_size(const nn_net *net) { return net->engine->epoch_size(net); }

nn_status nn_net_get_epoch(nn_net *net, double *out, size_t n)
{
    return net->engine->get_epoch(net, out, n);
}

nn_status nn_net_set_epoch(nn_net *net, const double *in, size_t n)
{
    return net->engine->set_epoch(net, in, n);
}

/* ---- introspection ------------------------------------------------------------- */

void nn_net_last_run(const nn_net *net, nn_last_run *run)
{
    *run = (nn_last_run){.team = net->last_team,
                         .isa = net->isa,
                         .engine = net->is_tiny ? "tiny" : "panel"};
}

double nn_net_microseconds(const nn_net *net, size_t n_rows, int training)
{
    return net->engine->microseconds(net, n_rows, training);
}

nn_status nn_activation_forward(nn_dtype dtype, nn_isa isa, nn_activation act,
                                const double args[3], void *out, const void *z,
                                size_t rows, size_t cols)
{
    return nn_activation_backward(dtype, isa, act, args, out, NULL, z, rows, cols);
}

nn_status nn_activation_backward(nn_dtype dtype, nn_isa isa, nn_activation act,
                                 const double args[3], void *out, const void *dy,
                                 const void *z, size_t rows, size_t cols)
{
    const struct nn_engine *engine = engine_of(dtype);
    if (!engine) return NN_ERR_SPEC;
    if (isa == NN_ISA_AUTO) isa = nn_isa_default();
    nn_float_modes modes = nn_enter_float();
    nn_status status = engine->activation(isa, act, args, out, dy, z, rows, cols);
    nn_leave_float(modes);
    return status;
}

nn_status nn_measure_arithmetic(nn_dtype dtype, nn_isa isa, size_t times,
                                unsigned threads, size_t *done)
{
    return nn_measure_reading(dtype, isa, NULL, 0, times, threads, done);
}

nn_status nn_measure_reading(nn_dtype dtype, nn_isa isa, const void *p, size_t n,
                             size_t times, unsigned threads, size_t *done)
{
    const struct nn_engine *engine = engine_of(dtype);
    if (!engine) return NN_ERR_SPEC;
    if (isa == NN_ISA_AUTO) isa = nn_isa_default();
    return engine->measure(isa, p, n, times, threads, done);
}
