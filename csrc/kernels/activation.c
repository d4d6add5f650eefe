/* activation.c: every activation of NN_ACTIVATIONS, f(z) with its derivative.

   For each name there is `<name>_value(z, args)` = f(z), `<name>_slope(z, y, args)` =
   f'(z), inline over one vec for callers that have z or y in registers, then the two
   kernels of the table, `<name>_forward`, `<name>_backward`, that run them over memory.
   A slope reads z where `<name>_reads_input` is 1, else y; the other may be anything.
   softmax, log_softmax work by rows: kernels only.

   Each value has its formula above it; its slope is f', with the choice at a kink said
   where there is one. z NaN: both are NaN (linear: f' is 1 without looking). z
   infinite: both are the limits, never NaN; that is what bounds such as max(-1000, z)
   are for, which lie where a factor has become 0. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

#define UNUSED __attribute__((unused))
#define VALUE(name) VEC_INLINE vec name##_value(vec z UNUSED, const real args[3] UNUSED)
#define SLOPE(name)                                                                    \
    VEC_INLINE vec name##_slope(vec z UNUSED, vec y UNUSED, const real args[3] UNUSED)

typedef vec value_fn(vec z, const real args[3]);
typedef vec slope_fn(vec z, vec y, const real args[3]);

VEC_INLINE void map_value(value_fn *value, real *y, const real *z, size_t rows,
                          size_t cols, const real args[3])
{
    size_t i = 0, n = rows * cols;
    // A copy, as stores to y might otherwise change args.
    const real own[3] = {args[0], args[1], args[2]};
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store(y + i, value(vec_load(z + i), own));
    if (i < n) vec_store_n(y + i, value(vec_load_n(z + i, n - i), own), n - i);
}

/* from is z or y, whichever the slope reads. */
VEC_INLINE void map_slope(slope_fn *slope, real *dz, const real *dy, const real *from,
                          size_t rows, size_t cols, const real args[3])
{
    size_t i = 0, n = rows * cols;
    const real own[3] = {args[0], args[1], args[2]};
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        vec in = vec_load(from + i);
        vec d = vec_mul(vec_load(dy + i), slope(in, in, own));
        vec_store(dz + i, vec_flush_gradient(d));
    }
    if (i < n) {
        vec in = vec_load_n(from + i, n - i), d = vec_load_n(dy + i, n - i);
        vec_store_n(dz + i, vec_flush_gradient(vec_mul(d, slope(in, in, own))), n - i);
    }
}

#define FORWARD(name)                                                                  \
    static void name##_forward(real *y, const real *z, size_t rows, size_t cols,       \
                               const real args[3] UNUSED)
#define BACKWARD(name)                                                                 \
    static void name##_backward(real *dz, const real *dy, const real *z UNUSED,        \
                                const real *y UNUSED, size_t rows, size_t cols,        \
                                const real args[3] UNUSED)

/* The kernels of an elementwise activation whose slope reads `from`, z or y. */
enum { FROM_y, FROM_z };
#define ELEMENTWISE(name, from)                                                        \
    enum { name##_reads_input = FROM_##from };                                         \
    FORWARD(name) { map_value(name##_value, y, z, rows, cols, args); }                 \
    BACKWARD(name) { map_slope(name##_slope, dz, dy, from, rows, cols, args); }

/* slope, or NaN where z is: for slopes that come from comparisons. */
VEC_INLINE vec unless_nan(vec z, vec slope)
{
    return vec_select(vec_is_nan(z), z, slope);
}

/* z */
VALUE(linear) { return z; }
SLOPE(linear) { return vec_set(1); }
ELEMENTWISE(linear, y)

/* z > threshold: min(z, max_value), else negative_slope (z - threshold).
   Slope at threshold: negative_slope; at max_value: 0. */
VALUE(relu)
{
    vec negative_slope = vec_set(args[0]), top = vec_set(args[1]);
    vec threshold = vec_set(args[2]);
    vec lowest = vec_set(args[0] == 0 ? -1 / REAL_MIN : (real)-INFINITY);
    vec below = vec_mul(negative_slope, vec_sub(vec_max(lowest, z), threshold));
    // Adding +0 makes a -0 that the product gave +0.
    below = vec_add(below, vec_zero());
    return vec_select(vec_gt(z, threshold), vec_min(z, top), below);
}
SLOPE(relu)
{
    // Nothing reaches a top of NaN: without a max_value the slope at inf is 1.
    vec top = vec_set(args[1] < (real)INFINITY ? args[1] : (real)NAN);
    vec above = vec_select(vec_ge(z, top), vec_zero(), vec_set(1));
    vec slope = vec_select(vec_gt(z, vec_set(args[2])), above, vec_set(args[0]));
    return unless_nan(z, slope);
}

/* The same bits as relu for args 0, inf, 0, in fewer instructions. */
VALUE(plain_relu) { return vec_add(vec_max(vec_zero(), z), vec_zero()); }
SLOPE(plain_relu)
{
    return unless_nan(z, vec_select(vec_gt(z, vec_zero()), vec_set(1), vec_zero()));
}
VEC_INLINE int relu_is_plain(const real args[3])
{
    return args[0] == 0 && args[1] == (real)INFINITY && args[2] == 0;
}

enum { relu_reads_input = 1 };
FORWARD(relu)
{
    if (relu_is_plain(args))
        map_value(plain_relu_value, y, z, rows, cols, args);
    else
        map_value(relu_value, y, z, rows, cols, args);
}
BACKWARD(relu)
{
    if (relu_is_plain(args))
        map_slope(plain_relu_slope, dz, dy, z, rows, cols, args);
    else
        map_slope(relu_slope, dz, dy, z, rows, cols, args);
}

/* z > 0: z, else negative_slope z. Slope at 0: negative_slope. */
VALUE(leaky_relu)
{
    vec lowest = vec_set(args[0] == 0 ? -1 / REAL_MIN : (real)-INFINITY);
    vec below = vec_mul(vec_set(args[0]), vec_max(lowest, z));
    below = vec_add(below, vec_zero());
    return vec_select(vec_gt(z, vec_zero()), z, below);
}
SLOPE(leaky_relu)
{
    return unless_nan(z,
                      vec_select(vec_gt(z, vec_zero()), vec_set(1), vec_set(args[0])));
}
ELEMENTWISE(leaky_relu, z)

/* min(max(z, 0), 6). Slope at 0, at 6: 0. */
VALUE(relu6) { return vec_add(vec_clamp(z, vec_zero(), vec_set(6)), vec_zero()); }
SLOPE(relu6)
{
    mask inside = mask_and(vec_gt(z, vec_zero()), vec_lt(z, vec_set(6)));
    return unless_nan(z, vec_select(inside, vec_set(1), vec_zero()));
}
ELEMENTWISE(relu6, z)

/* z >= 0: z, else alpha (e^z - 1). Slope at 0: 1. */
VALUE(elu)
{
    vec below = vec_mul(vec_set(args[0]), vec_expm1(z));
    return vec_select(vec_ge(z, vec_zero()), z, below);
}
SLOPE(elu)
{
    vec below = vec_mul(vec_set(args[0]), vec_exp(z));
    return vec_select(vec_ge(z, vec_zero()), vec_set(1), below);
}
ELEMENTWISE(elu, z)

/* scale elu(z) with alpha; both chosen so that layers keep mean 0, variance 1
   (Klambauer et al. 2017). Slope at 0: scale. */
#define SELU_SCALE REAL(1.0507009873554804934)
#define SELU_SCALE_ALPHA REAL(1.7580993408473768600)
VALUE(selu)
{
    vec below = vec_mul(vec_set(SELU_SCALE_ALPHA), vec_expm1(z));
    return vec_select(vec_ge(z, vec_zero()), vec_mul(vec_set(SELU_SCALE), z), below);
}
SLOPE(selu)
{
    vec below = vec_mul(vec_set(SELU_SCALE_ALPHA), vec_exp(z));
    return vec_select(vec_ge(z, vec_zero()), vec_set(SELU_SCALE), below);
}
ELEMENTWISE(selu, z)

/* z >= 0: z, else alpha (e^(z / alpha) - 1). Slope at 0: 1. */
VALUE(celu)
{
    vec alpha = vec_set(args[0]);
    vec below = vec_mul(alpha, vec_expm1(vec_div(z, alpha)));
    return vec_select(vec_ge(z, vec_zero()), z, below);
}
SLOPE(celu)
{
    vec below = vec_exp(vec_div(z, vec_set(args[0])));
    return vec_select(vec_ge(z, vec_zero()), vec_set(1), below);
}
ELEMENTWISE(celu, z)

/* z/2 (1 + erf(z / sqrt(2))); slope Phi(z) + z phi(z) of the normal distribution.
   1 + erf cancels in the left tail: the error is small beside 1, not beside f(z). */
#define INV_SQRT_2PI REAL(0.39894228040143267794)
VALUE(gelu)
{
    vec half = vec_mul(vec_set(REAL(0.5)), vec_max(vec_set(-100), z));
    return vec_fma(half, vec_erf(vec_mul(z, vec_set(SQRT_HALF))), half);
}
SLOPE(gelu)
{
    vec half = vec_set(REAL(0.5)), in = vec_clamp(z, vec_set(-100), vec_set(100));
    vec below = vec_fma(half, vec_erf(vec_mul(in, vec_set(SQRT_HALF))), half);
    vec density = vec_exp(vec_mul(vec_mul(in, in), vec_neg(half)));
    return vec_fma(in, vec_mul(density, vec_set(INV_SQRT_2PI)), below);
}
ELEMENTWISE(gelu, z)

/* s = sigmoid(x), rest = 1 - s without cancellation. */
VEC_INLINE void sigmoid_and_rest(vec x, vec *s, vec *rest)
{
    vec e = exp_minus_abs(x), one = vec_set(1);
    vec large = vec_div(one, vec_add(one, e)), small = vec_mul(e, large);
    mask negative = vec_lt(x, vec_zero());
    *s = vec_select(negative, small, large);
    *rest = vec_select(negative, large, small);
}

/* z/2 (1 + tanh(u)) = z sigmoid(2 u), u = sqrt(2/pi) (z + 0.044715 z^3). */
#define GELU_LINEAR REAL(1.5957691216057307117) /* 2 sqrt(2/pi) */
#define GELU_CUBIC REAL(0.071354816272600248776)
VALUE(gelu_tanh)
{
    vec square = vec_mul(z, z);
    vec factor = vec_fma(vec_set(GELU_CUBIC), square, vec_set(GELU_LINEAR));
    return vec_mul(vec_max(vec_set(-100), z), vec_sigmoid(vec_mul(z, factor)));
}
SLOPE(gelu_tanh)
{
    vec in = vec_clamp(z, vec_set(-100), vec_set(100)), square = vec_mul(in, in);
    vec linear = vec_set(GELU_LINEAR), s, rest;
    vec factor = vec_fma(vec_set(GELU_CUBIC), square, linear);
    vec growth = vec_fma(vec_set(3 * GELU_CUBIC), square, linear);
    sigmoid_and_rest(vec_mul(in, factor), &s, &rest);
    return vec_fma(vec_mul(vec_mul(in, growth), rest), s, s);
}
ELEMENTWISE(gelu_tanh, z)

/* 1 / (1 + e^-z) */
VALUE(sigmoid) { return vec_sigmoid(z); }
SLOPE(sigmoid) { return vec_fnma(y, y, y); }
ELEMENTWISE(sigmoid, y)

/* min(max(z/6 + 1/2, 0), 1). Slope at -3, at 3: 0. */
VALUE(hard_sigmoid)
{
    vec sixfold = vec_clamp(vec_add(z, vec_set(3)), vec_zero(), vec_set(6));
    return vec_mul(sixfold, vec_set(REAL(1.0 / 6)));
}
SLOPE(hard_sigmoid)
{
    mask inside = mask_and(vec_gt(z, vec_set(-3)), vec_lt(z, vec_set(3)));
    return unless_nan(z, vec_select(inside, vec_set(REAL(1.0 / 6)), vec_zero()));
}
ELEMENTWISE(hard_sigmoid, z)

/* -log(1 + e^-z) */
VALUE(log_sigmoid) { return vec_sub(vec_zero(), vec_softplus(vec_neg(z))); }
SLOPE(log_sigmoid) { return vec_sigmoid(vec_neg(z)); }
ELEMENTWISE(log_sigmoid, z)

/* tanh(z) */
VALUE(tanh) { return vec_tanh(z); }
SLOPE(tanh) { return vec_fnma(y, y, vec_set(1)); }
ELEMENTWISE(tanh, y)

/* log(1 + e^z) */
VALUE(softplus) { return vec_softplus(z); }
SLOPE(softplus) { return vec_sigmoid(z); }
ELEMENTWISE(softplus, z)

/* z / (1 + |z|); slope 1 / (1 + |z|)^2. */
VALUE(softsign)
{
    vec in = vec_clamp(z, vec_set(REAL(-1e30)), vec_set(REAL(1e30)));
    return vec_div(in, vec_add(vec_set(1), vec_abs(in)));
}
SLOPE(softsign)
{
    vec one = vec_set(1), r = vec_div(one, vec_add(one, vec_abs(z)));
    return vec_mul(r, r);
}
ELEMENTWISE(softsign, z)

/* z s, s = sigmoid(z); slope s (1 + z (1 - s)). */
VALUE(silu) { return vec_mul(vec_max(vec_set(-1000), z), vec_sigmoid(z)); }
SLOPE(silu)
{
    vec s, rest, in = vec_clamp(z, vec_set(-1000), vec_set(1000));
    sigmoid_and_rest(z, &s, &rest);
    return vec_fma(vec_mul(in, rest), s, s);
}
ELEMENTWISE(silu, z)

/* z tanh(log(1 + e^z)) = z n / (n + 2), n = w (w + 2), w = e^z. From z = 40 on, where
   the factor has been 1 for long, w stays, so that n does not overflow.
   Slope: w / d (w + 2 + 4 z (w + 1) / d), d = n + 2. */
VALUE(mish)
{
    vec w = vec_exp(vec_min(vec_set(40), z)), two = vec_set(2);
    vec n = vec_mul(w, vec_add(w, two));
    return vec_mul(vec_max(vec_set(-1000), z), vec_div(n, vec_add(n, two)));
}
SLOPE(mish)
{
    vec in = vec_clamp(z, vec_set(-1000), vec_set(40)), w = vec_exp(in);
    vec two = vec_set(2), d = vec_fma(w, vec_add(w, two), two);
    vec four_z = vec_mul(vec_set(4), in);
    vec bend = vec_div(vec_mul(four_z, vec_add(w, vec_set(1))), d);
    return vec_mul(vec_div(w, d), vec_add(vec_add(w, two), bend));
}
ELEMENTWISE(mish, z)

/* e^z */
VALUE(exponential) { return vec_exp(z); }
SLOPE(exponential) { return y; }
ELEMENTWISE(exponential, y)

/* The two that work by rows are there for rows side by side, from x[0], ld apart, and
   for rows one after the other: many short ones are brought side by side. */
typedef void side_forward_fn(real *y, const real *z, size_t ld, size_t m, size_t cols);
typedef void side_backward_fn(real *dz, const real *dy, const real *y, size_t ld,
                              size_t m, size_t cols);

/* Whether that pays: with few rows most lanes would be empty. */
VEC_INLINE int side_pays(size_t rows, size_t cols)
{
    return cols <= SHORT_ROW && 4 * rows >= VEC_LANES;
}

ONE_COPY void forward_by_side(side_forward_fn *side, real *y, const real *z,
                              size_t rows, size_t cols)
{
    real x[SHORT_ROW * VEC_LANES];
    for (size_t m; rows; rows -= m, y += m * cols, z += m * cols) {
        m = rows < VEC_LANES ? rows : VEC_LANES;
        rows_to_side(x, z, cols, m, cols);
        side(x, x, VEC_LANES, m, cols);
        side_to_rows(y, x, m, cols);
    }
}
ONE_COPY void backward_by_side(side_backward_fn *side, real *dz, const real *dy,
                               const real *y, size_t rows, size_t cols)
{
    real x[SHORT_ROW * VEC_LANES], d[SHORT_ROW * VEC_LANES];
    for (size_t m; rows; rows -= m, dz += m * cols, dy += m * cols, y += m * cols) {
        m = rows < VEC_LANES ? rows : VEC_LANES;
        rows_to_side(x, y, cols, m, cols);
        rows_to_side(d, dy, cols, m, cols);
        side(d, d, x, VEC_LANES, m, cols);
        side_to_rows(dz, d, m, cols);
    }
}

/* y_j = e^(z_j - m) / sum_k e^(z_k - m), m = max_k z_k.
   dz_j = y_j (dy_j - sum_k dy_k y_k). */
static void softmax_side(real *y, const real *z, size_t ld, size_t m, size_t cols)
{
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec top = side_max(z + i, ld, cols);
        for (size_t j = 0; j < cols; j++)
            vec_store(y + j * ld + i,
                      vec_exp_share(vec_sub(vec_load(z + j * ld + i), top)));
        vec sum = side_sum(y + i, ld, cols);
        for (size_t j = 0; j < cols; j++)
            vec_store(y + j * ld + i, vec_div(vec_load(y + j * ld + i), sum));
    }
}
static void softmax_slope_side(real *dz, const real *dy, const real *y, size_t ld,
                               size_t m, size_t cols)
{
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec mean = side_dot(dy + i, y + i, ld, cols);
        for (size_t j = 0; j < cols; j++) {
            vec d = vec_sub(vec_load(dy + j * ld + i), mean);
            d = vec_mul(vec_load(y + j * ld + i), d);
            vec_store(dz + j * ld + i, vec_flush_gradient(d));
        }
    }
}
enum { softmax_reads_input = 0 };
FORWARD(softmax)
{
    if (side_pays(rows, cols)) {
        forward_by_side(softmax_side, y, z, rows, cols);
        return;
    }
    for (; rows; rows--, y += cols, z += cols) {
        vec top = vec_set(row_max(z, cols));
        for (size_t j = 0; j < cols; j += VEC_LANES) {
            vec e = vec_exp_share(vec_sub(vec_load_upto(z + j, cols - j), top));
            vec_store_upto(y + j, e, cols - j);
        }
        vec sum = vec_set(row_sum(y, cols));
        for (size_t j = 0; j < cols; j += VEC_LANES) {
            vec e = vec_load_upto(y + j, cols - j);
            vec_store_upto(y + j, vec_div(e, sum), cols - j);
        }
    }
}
BACKWARD(softmax)
{
    if (side_pays(rows, cols)) {
        backward_by_side(softmax_slope_side, dz, dy, y, rows, cols);
        return;
    }
    for (; rows; rows--, dz += cols, dy += cols, y += cols) {
        vec mean = vec_set(row_dot(dy, y, cols));
        for (size_t j = 0; j < cols; j += VEC_LANES) {
            vec d = vec_sub(vec_load_upto(dy + j, cols - j), mean);
            d = vec_mul(vec_load_upto(y + j, cols - j), d);
            vec_store_upto(dz + j, vec_flush_gradient(d), cols - j);
        }
    }
}

/* y_j = z_j - m - log(sum_k e^(z_k - m)), m = max_k z_k.
   dz_j = dy_j - e^(y_j) sum_k dy_k. */
static void log_softmax_side(real *y, const real *z, size_t ld, size_t m, size_t cols)
{
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec top = side_max(z + i, ld, cols), lane[NN_ROW_LANES];
        side_start(lane, cols);
        for (size_t j = 0; j < cols; j++) {
            vec shifted = vec_sub(vec_load(z + j * ld + i), top);
            lane[j % NN_ROW_LANES] =
                vec_add(lane[j % NN_ROW_LANES], vec_exp_share(shifted));
            vec_store(y + j * ld + i, shifted);
        }
        vec log_sum = vec_log(side_join_sum(lane, cols));
        for (size_t j = 0; j < cols; j++)
            vec_store(y + j * ld + i, vec_sub(vec_load(y + j * ld + i), log_sum));
    }
}
static void log_softmax_slope_side(real *dz, const real *dy, const real *y, size_t ld,
                                   size_t m, size_t cols)
{
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec sum = side_sum(dy + i, ld, cols);
        for (size_t j = 0; j < cols; j++) {
            vec p = vec_exp_share(vec_load(y + j * ld + i));
            vec d = vec_fnma(p, sum, vec_load(dy + j * ld + i));
            vec_store(dz + j * ld + i, vec_flush_gradient(d));
        }
    }
}
enum { log_softmax_reads_input = 0 };
FORWARD(log_softmax)
{
    if (side_pays(rows, cols)) {
        forward_by_side(log_softmax_side, y, z, rows, cols);
        return;
    }
    for (; rows; rows--, y += cols, z += cols) {
        real largest = row_max(z, cols);
        vec top = vec_set(largest);
        vec log_sum = vec_log(vec_set(row_sum_exp(z, cols, largest)));
        for (size_t j = 0; j < cols; j += VEC_LANES) {
            vec shifted = vec_sub(vec_load_upto(z + j, cols - j), top);
            vec_store_upto(y + j, vec_sub(shifted, log_sum), cols - j);
        }
    }
}
BACKWARD(log_softmax)
{
    if (side_pays(rows, cols)) {
        backward_by_side(log_softmax_slope_side, dz, dy, y, rows, cols);
        return;
    }
    for (; rows; rows--, dz += cols, dy += cols, y += cols) {
        vec sum = vec_set(row_sum(dy, cols));
        for (size_t j = 0; j < cols; j += VEC_LANES) {
            vec p = vec_exp_share(vec_load_upto(y + j, cols - j));
            vec d = vec_fnma(p, sum, vec_load_upto(dy + j, cols - j));
            vec_store_upto(dz + j, vec_flush_gradient(d), cols - j);
        }
    }
}

#undef VALUE
#undef SLOPE
#undef FORWARD
#undef BACKWARD
#undef ELEMENTWISE
#undef UNUSED

/* The table's entries, for kernels/variant.c. */
#define ACTIVATION_ENTRY(name)                                                         \
    [NN_ACT_##name] = {name##_forward, name##_backward, name##_reads_input},
#define ACTIVATION_TABLE NN_ACTIVATIONS(ACTIVATION_ENTRY)
static const struct nn_activation_kernel activations[NN_ACT_END] = {ACTIVATION_TABLE};
