/* variant.c: the table of one ISA x dtype, and the order in which its parts are read.

   Compiled with -DNN_ISA=... -DNN_DTYPE=... and that ISA's -m flags. Everything
   included is static; the table is the object's only symbol. */
#include "kernels/vmath.c"

#include "kernels/rows.c"

#include "kernels/reduce.c"

#include "kernels/product.c"

#include "kernels/activation.c"

#include "kernels/loss.c"

#include "kernels/row_loss.c"

#include "kernels/metric.c"

#include "kernels/optimizer.c"

#include "kernels/random.c"

#include "kernels/noise.c"

#include "kernels/norm.c"

#include "kernels/tiny.c"

#include "kernels/narrow.c"

#include "kernels/measure.c"

const struct nn_kernels NN_KERNELS = {
    .product = product,
    .gradient = gradient,
    .column_sums = column_sums,
    .transpose = transpose,
    .transpose_rows = transpose_rows,
    .activation = {ACTIVATION_TABLE},
    .loss = {LOSS_TABLE},
    .metric = {METRIC_TABLE},
    .optimizer = {OPTIMIZER_TABLE},
    .accumulate = accumulate,
    .divide = divide,
    .average = average,
    .noise = noise,
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .column_moments = column_moments,
    .column_dots = column_dots,
    .inverse_roots = inverse_roots,
    .add_activity = add_activity,
    .shuffle = shuffle,
    .add_penalty = add_penalty,
    .sum_abs = sum_abs,
    .sum_squares = sum_squares,
    .narrow = narrow,
    .add_rows = add_rows,
    .row_total = row_total,
    .all_finite = all_finite,
    .tiny_plan = tiny_plan,
    .tiny_forward = tiny_forward,
    .tiny_backward = tiny_backward,
    .multiply_adds = multiply_adds,
    .read_all = read_all,
    .lanes = VEC_LANES,
};
