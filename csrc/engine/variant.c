/* variant.c: the engine of one dtype, and the order in which its parts are read.

   Compiled with -DNN_DTYPE=... and NN_ISA_LIST, the instruction sets whose tables were
   built. Everything included is static; the entry table is the object's only symbol. */
#define NN_ENGINE NN_PASTE(nn_engine_, NN_DTYPE, )

/* One pass over the whole flat block pays while it stays in the cache. */
#define NN_FLAT_PARAMS 8192

#include "engine/engine.h"

#include "engine/kinds.c"

#include "engine/build.c"

#include "engine/batch.c"

#include "engine/compile.c"

#include "engine/variables.c"

#include "engine/plan.c"

#include "engine/forward.c"

#include "engine/predict.c"

#include "engine/backward.c"

#include "engine/update.c"

#include "engine/constrain.c"

#include "engine/tiny.c"

#include "engine/train.c"

#include "engine/measure.c"

/* One activation alone: forward if dy is NULL, else backward. */
static nn_status activation(nn_isa isa, nn_activation act, const double args[3],
                            void *out, const void *dy, const void *z, size_t rows,
                            size_t cols)
{
    size_t n;
    if (act >= NN_ACT_END) return NN_ERR_SPEC;
    if (__builtin_mul_overflow(rows, cols, &n)) return NN_ERR_SIZE;
    if (isa >= NN_ISA_END || !kernels_by_isa[isa] || !nn_cpu_has(isa))
        return NN_ERR_ISA;
    const struct nn_activation_kernel *kernel = &kernels_by_isa[isa]->activation[act];
    real typed[3] = {(real)args[0], (real)args[1], (real)args[2]};
    if (!dy) {
        kernel->forward(out, z, rows, cols, typed);
        return NN_OK;
    }
    real *y = nn_alloc(n, sizeof(real));
    if (!y) return NN_ERR_MEMORY;
    kernel->forward(y, z, rows, cols, typed);
    kernel->backward(out, dy, z, y, rows, cols, typed);
    nn_free(y);
    return NN_OK;
}

const struct nn_engine NN_ENGINE = {
    .create = create,
    .destroy = destroy,
    .compile = compile,
    .train = train,
    .reset_epoch = reset_epoch,
    .running = running,
    .evaluate = evaluate,
    .predict = predict,
    .gradient = loss_gradient,
    .read = read_variables,
    .write = write_variables,
    .get_counters = get_counters,
    .set_counters = set_counters,
    .epoch_size = epoch_size,
    .get_epoch = get_epoch,
    .set_epoch = set_epoch,
    .microseconds = microseconds,
    .activation = activation,
    .measure = measure_cpu,
};
