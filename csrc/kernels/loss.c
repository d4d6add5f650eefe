/* loss.c: losses of NN_LOSSES, l(p, t) of a row with its derivative dl/dp; the others,
   and the tables, are in row_loss.c.

   Losses that are a mean or a sum of one term per element have `<name>_element`, which
   gives term and slope of one vec, and `<name>_block`, which does so for many: all that
   the loops around it call. Losses over classes need a whole row at a time.
   Each loss is there for rows that lie one after the other (`<name>_loss`, of the
   table) and side by side (`<name>_side`, for tiny.c and for short rows); sums along a
   row have the order of rows.c either way. e = 1e-7 keeps logarithms finite, as in
   Keras. A NaN in p or t makes term and slope NaN, for losses over classes those of the
   whole row; a label that is no class does so too. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

#define LOSS_EPSILON REAL(1e-7)
#define LOG_2 REAL(0.6931471805599453094)

/* Elements in a buffer on the stack; a multiple of NN_ROW_LANES. */
#define LOSS_BLOCK 256

#define ARGS_UNUSED __attribute__((unused))

/* row_sum of 1 <= n <= 4 elements: lanes 2, 3 join 0, 1, then 1 joins 0. */
VEC_INLINE real short_sum(const real *x, size_t n)
{
    real x1 = n > 1 ? x[1] : 0, x2 = n > 2 ? x[2] : 0, x3 = n > 3 ? x[3] : 0;
    return (x[0] + x2) + (x1 + x3);
}

/* ---- Losses by elements -------------------------------------------------------- */

/* The term of the loss; *slope its derivative with respect to p. */
typedef vec element_fn(vec *slope, vec p, vec t, const struct nn_loss_args *args);

/* term[i] = l(p_i, t_i), d[i] = share factor[i] l'(p_i, t_i), i < n, a multiple of
   VEC_LANES; d NULL: only terms; factor NULL: all 1. */
typedef void block_fn(real *term, real *d, const real *p, const real *t, size_t n,
                      const real *factor, real share, const struct nn_loss_args *args);

VEC_INLINE void loss_elements(real *term, real *d, const real *p, const real *t,
                              size_t n, const real *factor, real share,
                              element_fn *element, const struct nn_loss_args *args)
{
    const struct nn_loss_args own = *args; // stores to term cannot change a copy
    for (size_t i = 0; i < n; i += VEC_LANES) {
        vec slope, s = vec_set(share);
        vec_store(term + i, element(&slope, vec_load(p + i), vec_load(t + i), &own));
        if (!d) continue;
        if (factor) s = vec_mul(vec_load(factor + i), s);
        vec_store(d + i, vec_flush_gradient(vec_mul(s, slope)));
    }
}

/* The same for any n: the last elements in a vector of their own. */
static void any_elements(block_fn *block, real *term, real *d, const real *p,
                         const real *t, size_t n, const real *factor, real share,
                         const struct nn_loss_args *args)
{
    size_t rest = n % VEC_LANES, full = n - rest;
    real out[2][VEC_LANES], in[3][VEC_LANES];
    if (full) block(term, d, p, t, full, factor, share, args);
    if (!rest) return;
    vec_store(in[0], vec_load_n(p + full, rest));
    vec_store(in[1], vec_load_n(t + full, rest));
    if (factor) vec_store(in[2], vec_load_n(factor + full, rest));
    block(out[0], d ? out[1] : NULL, in[0], in[1], VEC_LANES, factor ? in[2] : NULL,
          share, args);
    vec_store_n(term + full, vec_load(out[0]), rest);
    if (d) vec_store_n(d + full, vec_load(out[1]), rest);
}

/* Value of a row longer than LOSS_BLOCK: the lanes of its sum, carried over blocks. */
static real long_row(real *d, const real *p, const real *t, size_t cols, real share,
                     block_fn *block, const struct nn_loss_args *args)
{
    real term[LOSS_BLOCK];
    vec lane[VEC_ROW];
    row_start(lane, 0);
    for (size_t j = 0; j < cols; j += LOSS_BLOCK) {
        size_t n = cols - j < LOSS_BLOCK ? cols - j : LOSS_BLOCK;
        any_elements(block, term, d ? d + j : NULL, p + j, t + j, n, NULL, share, args);
        for (size_t k = 0; k < n; k += NN_ROW_LANES)
            row_sum_block(lane, term + k, n - k);
    }
    return row_join_sum(lane);
}

/* value_i = sum_j l(p_ij, t_ij) / divisor, d_ij = weight_i scale l' / divisor. Short
   rows share vectors with their neighbours; a row of one element is its own sum. */
ONE_COPY void loss_by_elements(real *value, real *d, const real *p, const real *t,
                               size_t rows, size_t cols, const real *weight, real scale,
                               real divisor, block_fn *block,
                               const struct nn_loss_args *args)
{
    real term[LOSS_BLOCK], factor[LOSS_BLOCK], share = scale / divisor;

    if (cols > LOSS_BLOCK || cols == 0) {
        for (size_t i = 0; i < rows; i++) {
            size_t at = i * cols;
            real s = weight ? weight[i] * share : share;
            real sum =
                long_row(d ? d + at : NULL, p + at, t + at, cols, s, block, args);
            value[i] = cols ? sum / divisor : 0;
        }
        return;
    }
    size_t most = LOSS_BLOCK / cols;
    for (size_t i = 0; i < rows; i += most) {
        size_t m = rows - i < most ? rows - i : most, at = i * cols;
        real *out = cols == 1 ? value + i : term;
        for (size_t r = 0; weight && r < m; r++)
            for (size_t j = 0; j < cols; j++)
                factor[r * cols + j] = weight[i + r];
        any_elements(block, out, d ? d + at : NULL, p + at, t + at, m * cols,
                     weight ? factor : NULL, share, args);
        if (cols == 1) continue;
        if (cols <= 4)
            for (size_t r = 0; r < m; r++)
                value[i + r] = short_sum(term + r * cols, cols) / divisor;
        else
            for (size_t r = 0; r < m; r++)
                value[i + r] = row_sum(term + r * cols, cols) / divisor;
    }
}

/* The vectors of m rows side by side, in elements. */
VEC_INLINE size_t whole_vectors(size_t m)
{
    return (m + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
}

/* The same with rows side by side, of more than one column: SIDE_VECS vectors of them
   at a time. */
#define SIDE_VECS 8
ONE_COPY void side_by_elements(real *value, real *d, const real *p, const real *t,
                               size_t ld, size_t m, size_t cols, const real *weight,
                               real scale, real divisor, block_fn *block,
                               const struct nn_loss_args *args)
{
    real term[SIDE_VECS * VEC_LANES], share = scale / divisor;
    vec lane[SIDE_VECS][NN_ROW_LANES];

    for (size_t i = 0, n, all = whole_vectors(m); i < all; i += n) {
        n = all - i < SIDE_VECS * VEC_LANES ? all - i : SIDE_VECS * VEC_LANES;
        for (size_t v = 0; v < n / VEC_LANES; v++)
            side_start(lane[v], cols);
        for (size_t j = 0; j < cols; j++) {
            size_t at = j * ld + i, l = j % NN_ROW_LANES;
            block(term, d ? d + at : NULL, p + at, t + at, n,
                  weight ? weight + i : NULL, share, args);
            for (size_t v = 0; v < n / VEC_LANES; v++)
                lane[v][l] = vec_add(lane[v][l], vec_load(term + v * VEC_LANES));
        }
        for (size_t v = 0; v < n / VEC_LANES; v++)
            vec_store(value + i + v * VEC_LANES,
                      vec_div(side_join_sum(lane[v], cols), vec_set(divisor)));
    }
}

#define ELEMENT(name)                                                                  \
    VEC_INLINE vec name##_element(vec *slope, vec p, vec t,                            \
                                  const struct nn_loss_args *args ARGS_UNUSED)

#define LOSS(name)                                                                     \
    static void name##_loss(real *value, real *d, const real *p, const real *t,        \
                            size_t rows, size_t cols, const real *weight, real scale,  \
                            const struct nn_loss_args *args ARGS_UNUSED)

typedef void side_loss_fn(real *value, real *d, const real *p, const real *t, size_t ld,
                          size_t m, size_t cols, const real *weight, real scale,
                          const struct nn_loss_args *args);
#define SIDE(name, how)                                                                \
    static void name(real *value, real *d, const real *p, const real *t, size_t ld,    \
                     size_t m, size_t cols, const real *weight, real scale,            \
                     const struct nn_loss_args *args ARGS_UNUSED)                      \
    {                                                                                  \
        how;                                                                           \
    }

/* The block of an element's arithmetic. */
#define BLOCK(name)                                                                    \
    ONE_COPY void name##_block(real *term, real *d, const real *p, const real *t,      \
                               size_t n, const real *factor, real share,               \
                               const struct nn_loss_args *args)                        \
    {                                                                                  \
        loss_elements(term, d, p, t, n, factor, share, name##_element, args);          \
    }

/* divisor: cols for a mean, 1 for a sum. */
#define LOSS_BY_ELEMENTS(name, divisor)                                                \
    BLOCK(name)                                                                        \
    LOSS(name)                                                                         \
    {                                                                                  \
        loss_by_elements(value, d, p, t, rows, cols, weight, scale, (real)(divisor),   \
                         name##_block, args);                                          \
    }                                                                                  \
    SIDE(name##_side, if (cols == 1) name##_block(value, d, p, t, whole_vectors(m),    \
                                                  weight, scale, args);                \
         else side_by_elements(value, d, p, t, ld, m, cols, weight, scale,             \
                               (real)(divisor), name##_block, args))

/* Targets of a binary loss, smoothed: t (1 - s) + s / 2. */
VEC_INLINE vec smooth_binary(vec t, const struct nn_loss_args *args)
{
    real s = args->label_smoothing;
    return vec_fma(t, vec_set(1 - s), vec_set(s * REAL(0.5)));
}

/* A divisor for the gradient at p clipped to [lo, hi]: b, or inf where p was cut, so
   that the quotient is 0 there unless it is NaN. */
VEC_INLINE vec unless_cut(vec b, vec p, vec lo, vec hi)
{
    mask cut = mask_or(vec_lt(p, lo), vec_gt(p, hi));
    return vec_select(cut, vec_set(INFINITY), b);
}

/* (p - t)^2; slope 2 (p - t) */
ELEMENT(mean_squared_error)
{
    vec x = vec_sub(p, t);
    *slope = vec_add(x, x);
    return vec_mul(x, x);
}
LOSS_BY_ELEMENTS(mean_squared_error, cols)

/* |p - t|; slope 0 at p = t */
ELEMENT(mean_absolute_error)
{
    vec x = vec_sub(p, t);
    mask kink = vec_eq(x, vec_zero());
    *slope = vec_select(mask_or(kink, vec_is_nan(x)), x, vec_copysign(vec_set(1), x));
    return vec_abs(x);
}
LOSS_BY_ELEMENTS(mean_absolute_error, cols)

/* x = p - t: x^2 / 2 where |x| <= delta, else delta |x| - delta^2 / 2;
   slope min(max(x, -delta), delta) */
ELEMENT(huber)
{
    vec x = vec_sub(p, t), a = vec_abs(x), delta = vec_set(args->delta);
    vec half = vec_set(REAL(0.5));
    vec near = vec_mul(vec_mul(half, x), x);
    vec far = vec_fnma(vec_mul(half, delta), delta, vec_mul(delta, a));
    *slope = vec_clamp(x, vec_neg(delta), delta);
    return vec_select(vec_le(a, delta), near, far);
}
LOSS_BY_ELEMENTS(huber, cols)

/* log(cosh(x)), x = p - t: |x| + log(1 + e^(-2|x|)) - log 2; below 1, where that
   cancels, -log(1 - tanh(x)^2) / 2. Slope tanh(x). */
ELEMENT(log_cosh)
{
    vec x = vec_sub(p, t), a = vec_abs(x), th = vec_tanh(x);
    mask small = vec_lt(a, vec_set(1));
    vec e = exp_minus_abs(vec_add(x, x));
    vec l = vec_log1p(vec_select(small, vec_mul(vec_neg(th), th), e));
    vec near = vec_mul(vec_set(REAL(-0.5)), l);
    *slope = th;
    return vec_select(small, near, vec_add(a, vec_sub(l, vec_set(LOG_2))));
}
LOSS_BY_ELEMENTS(log_cosh, cols)

/* -(t log q + (1 - t) log(1 - q)), q = min(max(p, e), 1 - e), t smoothed;
   slope (q - t) / (q (1 - q)), 0 where p is cut */
ELEMENT(binary_crossentropy)
{
    vec lo = vec_set(LOSS_EPSILON), hi = vec_set(1 - LOSS_EPSILON), one = vec_set(1);
    vec q = vec_clamp(p, lo, hi);
    t = smooth_binary(t, args);
    vec no = vec_mul(vec_sub(one, t), vec_log1p(vec_neg(q)));
    vec spread = vec_mul(q, vec_sub(one, q));
    *slope = vec_div(vec_sub(q, t), unless_cut(spread, p, lo, hi));
    return vec_neg(vec_fma(t, vec_log(q), no));
}
LOSS_BY_ELEMENTS(binary_crossentropy, cols)

/* max(z, 0) - z t + log(1 + e^-|z|), t smoothed; slope sigmoid(z) - t. p is z. */
ELEMENT(binary_crossentropy_logits)
{
    t = smooth_binary(t, args);
    vec linear = vec_fnma(p, t, vec_max(vec_zero(), p));
    *slope = vec_sub(vec_sigmoid(p), t);
    return vec_add(linear, vec_log1p(exp_minus_abs(p)));
}
LOSS_BY_ELEMENTS(binary_crossentropy_logits, cols)

/* 1 - t p with t = -1 for 0, so that labels 0, 1 serve; *u = t. */
VEC_INLINE vec hinge_margin(vec *u, vec p, vec t)
{
    *u = vec_select(vec_eq(t, vec_zero()), vec_set(-1), t);
    return vec_fnma(*u, p, vec_set(1));
}

/* max(h, 0), h = 1 - t p; slope -t where h > 0 */
ELEMENT(hinge)
{
    vec u, h = hinge_margin(&u, p, t);
    vec side = vec_select(vec_is_nan(h), h, vec_neg(u));
    *slope = vec_select(vec_le(h, vec_zero()), vec_zero(), side);
    return vec_max(vec_zero(), h);
}
LOSS_BY_ELEMENTS(hinge, cols)

/* max(h, 0)^2, h = 1 - t p; slope -2 t max(h, 0) */
ELEMENT(squared_hinge)
{
    vec u, h = vec_max(vec_zero(), hinge_margin(&u, p, t));
    *slope = vec_mul(vec_mul(vec_set(-2), u), h);
    return vec_mul(h, h);
}
LOSS_BY_ELEMENTS(squared_hinge, cols)

/* t log(t / p), both in [e, 1] (a sum over columns); slope -t / p, 0 where p is cut */
ELEMENT(kl_divergence)
{
    vec lo = vec_set(LOSS_EPSILON), one = vec_set(1);
    vec q = vec_clamp(p, lo, one), u = vec_clamp(t, lo, one);
    *slope = vec_neg(vec_div(u, unless_cut(q, p, lo, one)));
    return vec_mul(u, vec_log(vec_div(u, q)));
}
LOSS_BY_ELEMENTS(kl_divergence, 1)

/* p - t log(p + e); slope 1 - t / (p + e) */
ELEMENT(poisson)
{
    vec q = vec_add(p, vec_set(LOSS_EPSILON));
    *slope = vec_sub(vec_set(1), vec_div(t, q));
    return vec_fnma(t, vec_log(q), p);
}
LOSS_BY_ELEMENTS(poisson, cols)

/* 100 |p - t| / max(|t|, e); slope 0 at p = t */
ELEMENT(mean_absolute_percentage_error)
{
    vec slope_1, error = mean_absolute_error_element(&slope_1, p, t, args);
    vec least = vec_set(LOSS_EPSILON), size = vec_max(least, vec_abs(t));
    vec share = vec_div(vec_set(100), size);
    *slope = vec_mul(share, slope_1);
    return vec_mul(share, error);
}
LOSS_BY_ELEMENTS(mean_absolute_percentage_error, cols)

/* x^2, x = log(1 + max(p, e)) - log(1 + max(t, e)); slope 2 x / (1 + p), 0 below e */
ELEMENT(mean_squared_logarithmic_error)
{
    vec least = vec_set(LOSS_EPSILON), q = vec_max(least, p), u = vec_max(least, t);
    vec x = vec_sub(vec_log1p(q), vec_log1p(u)), one = vec_set(1);
    mask cut = vec_lt(p, least);
    vec steep = vec_select(cut, vec_set(INFINITY), vec_add(one, q));
    *slope = vec_div(vec_add(x, x), steep);
    return vec_mul(x, x);
}
LOSS_BY_ELEMENTS(mean_squared_logarithmic_error, cols)

/* x^c for x >= 0; 1 for c = 0, also at 0. Exact where c is 1 or 2, of any sign. */
ONE_COPY vec power_of(vec x, real c)
{
    if (c == 0) return vec_set(1);
    if (c == 1) return x;
    if (c == 2) return vec_mul(x, x);
    return vec_exp(vec_mul(vec_set(c), vec_log(x)));
}

/* w u^gamma b, u = p + t - 2 t p, how wrong p is, b of binary_crossentropy; w = t alpha
   + (1 - t) (1 - alpha) if it balances, else 1. Slope w (gamma u^(gamma - 1) (1 - 2 t)
   b
   + u^gamma b'). */
ELEMENT(binary_focal_crossentropy)
{
    const struct nn_loss_args plain = {.label_smoothing = 0};
    vec slope_b, one = vec_set(1), two = vec_set(2), gamma = vec_set(args->gamma);
    vec u = smooth_binary(t, args);
    vec b = binary_crossentropy_element(&slope_b, p, u, &plain);
    vec turn = vec_fnma(two, u, one), wrong = vec_fma(p, turn, u);
    vec focus = power_of(wrong, args->gamma);
    vec d = vec_mul(focus, slope_b);
    if (args->gamma != 0) {
        vec faster = vec_mul(gamma, power_of(wrong, args->gamma - 1));
        d = vec_fma(vec_mul(faster, turn), b, d);
    }
    vec l = vec_mul(focus, b);
    if (args->balances) {
        vec a = vec_set(args->alpha), rest = vec_set(1 - args->alpha);
        vec w = vec_fma(u, a, vec_mul(vec_sub(one, u), rest));
        l = vec_mul(w, l);
        d = vec_mul(w, d);
    }
    *slope = d;
    return l;
}
LOSS_BY_ELEMENTS(binary_focal_crossentropy, cols)

/* The same of p = sigmoid(z); slope times p (1 - p). p is z. */
ELEMENT(binary_focal_crossentropy_logits)
{
    vec q = vec_sigmoid(p), rest = vec_sigmoid(vec_neg(p));
    vec l = binary_focal_crossentropy_element(slope, q, t, args);
    *slope = vec_mul(*slope, vec_mul(q, rest));
    return l;
}
LOSS_BY_ELEMENTS(binary_focal_crossentropy_logits, cols)

/* The unit deviance, q = max(p, e), c = power: 2 (t^(2-c) / ((1-c) (2-c)) - t q^(1-c) /
   (1-c) + q^(2-c) / (2-c)); for c = 1: 2 (t log(t / q) - t + q), for c = 2: 2 (log(q /
   t) + t / q - 1). Slope 2 (q - t) q^-c, 0 where p is cut. */
ELEMENT(tweedie)
{
    const real c = args->power;
    vec two = vec_set(2), q = vec_max(vec_set(LOSS_EPSILON), p), l;
    vec log_q = vec_log(q);
    if (c == 1) {
        vec logs = vec_mul(t, vec_sub(vec_log(t), log_q));
        logs = vec_select(vec_eq(t, vec_zero()), vec_zero(), logs);
        l = vec_add(vec_sub(logs, t), q);
    } else if (c == 2) {
        l = vec_sub(vec_sub(log_q, vec_log(t)), vec_sub(vec_set(1), vec_div(t, q)));
    } else {
        vec near = vec_exp(vec_mul(vec_set(1 - c), log_q));
        vec own = vec_div(power_of(t, 2 - c), vec_set((1 - c) * (2 - c)));
        l = vec_fnma(vec_div(t, vec_set(1 - c)), near, own);
        l = vec_fma(vec_div(q, vec_set(2 - c)), near, l);
    }
    mask cut = vec_lt(p, vec_set(LOSS_EPSILON));
    vec steep = vec_exp(vec_mul(vec_set(-c), log_q));
    vec d = vec_mul(vec_mul(two, vec_sub(q, t)), steep);
    // A NaN in p or t shows in d.
    *slope = vec_select(cut, vec_zero(), d);
    return vec_mul(two, l);
}
LOSS_BY_ELEMENTS(tweedie, cols)

/* ---- Losses over classes, rows side by side ------------------------------------- */

/* Targets of VEC_LANES rows, a column at a time. */
struct side_classes {
    const real *t; /* of the first row */
    size_t ld;
    int sparse;
    vec keep, shift; /* dense: t (1 - s) + s / cols = keep t + shift */
    vec label, bad;  /* sparse: one-hot, plus NaN where the label is no class, else 0 */
};

VEC_INLINE struct side_classes side_classes_of(const real *t, size_t ld, size_t cols,
                                               const int sparse,
                                               const struct nn_loss_args *args)
{
    struct side_classes c = {.t = t, .ld = ld, .sparse = sparse};
    if (sparse) {
        vec hits = vec_zero();
        c.label = vec_load(t);
        for (size_t j = 0; j < cols; j++)
            hits = vec_select(vec_eq(c.label, vec_set((real)j)), vec_set(1), hits);
        c.bad = vec_sub(vec_div(hits, hits), hits);
    } else {
        c.keep = vec_set(1 - args->label_smoothing);
        c.shift = vec_set(args->label_smoothing / (real)cols);
    }
    return c;
}

VEC_INLINE vec side_target(const struct side_classes *c, size_t j)
{
    if (!c->sparse) return vec_fma(vec_load(c->t + j * c->ld), c->keep, c->shift);
    mask is_hit = vec_eq(c->label, vec_set((real)j));
    return vec_add(vec_select(is_hit, vec_set(1), vec_zero()), c->bad);
}

/* -sum_j t_j log c_j, q = p / S, S = sum_j p_j, c = min(max(q, e), 1 - e).
   dl/dp_j = (g_j - sum_k g_k q_k) / S, g = -t / q, 0 where q is cut. */
ONE_COPY void side_crossentropy(real *value, real *d, const real *p, const real *t,
                                size_t ld, size_t m, size_t cols, const real *weight,
                                real scale, const struct nn_loss_args *args,
                                const int sparse)
{
    const vec lo = vec_set(LOSS_EPSILON), hi = vec_set(1 - LOSS_EPSILON);
    for (size_t i = 0; i < m; i += VEC_LANES) {
        const struct side_classes c = side_classes_of(t + i, ld, cols, sparse, args);
        vec sum = side_sum(p + i, ld, cols), logs[NN_ROW_LANES], dots[NN_ROW_LANES];
        side_start(logs, cols);
        side_start(dots, cols);
        for (size_t j = 0; j < cols; j++) {
            size_t l = j % NN_ROW_LANES;
            vec q = vec_div(vec_load(p + j * ld + i), sum), u = side_target(&c, j);
            vec g = vec_neg(vec_div(u, unless_cut(q, q, lo, hi)));
            logs[l] = vec_fma(u, vec_log(vec_clamp(q, lo, hi)), logs[l]);
            dots[l] = vec_fma(g, q, dots[l]);
            if (d) vec_store(d + j * ld + i, g);
        }
        vec_store(value + i, vec_neg(side_join_sum(logs, cols)));
        if (!d) continue;
        vec dot = side_join_sum(dots, cols), s = vec_set(scale);
        if (weight) s = vec_mul(vec_load(weight + i), s);
        for (size_t j = 0; j < cols; j++) {
            vec g = vec_load(d + j * ld + i);
            g = vec_mul(s, vec_div(vec_sub(g, dot), sum));
            vec_store(d + j * ld + i, vec_flush_gradient(g));
        }
    }
}

/* sum_j t_j (log S - x_j) = T log S - sum_j t_j x_j, x = z - max z, S = sum_j e^x_j,
   T = sum_j t_j: no term of it cancels. dl/dz_j = T e^x_j / S - t_j. p is z. */
VEC_INLINE void side_crossentropy_logits(real *value, real *d, const real *p,
                                         const real *t, size_t ld, size_t m,
                                         size_t cols, const real *weight, real scale,
                                         const struct nn_loss_args *args,
                                         const int sparse)
{
    for (size_t i = 0; i < m; i += VEC_LANES) {
        const struct side_classes c = side_classes_of(t + i, ld, cols, sparse, args);
        vec sums[NN_ROW_LANES], totals[NN_ROW_LANES], dots[NN_ROW_LANES];
        side_start(sums, cols);
        side_start(totals, cols);
        side_start(dots, cols);
        vec top = side_max(p + i, ld, cols);
        for (size_t j = 0; j < cols; j++) {
            size_t l = j % NN_ROW_LANES;
            vec x = vec_sub(vec_load(p + j * ld + i), top), e = vec_exp_share(x);
            vec u = side_target(&c, j);
            sums[l] = vec_add(sums[l], e);
            totals[l] = vec_add(totals[l], u);
            dots[l] = vec_fma(u, x, dots[l]);
            if (d) vec_store(d + j * ld + i, e);
        }
        vec sum = side_join_sum(sums, cols), total = side_join_sum(totals, cols);
        vec dot = side_join_sum(dots, cols), s = vec_set(scale);
        vec_store(value + i, vec_fma(total, vec_log(sum), vec_neg(dot)));
        if (!d) continue;
        if (weight) s = vec_mul(vec_load(weight + i), s);
        for (size_t j = 0; j < cols; j++) {
            vec q = vec_div(vec_load(d + j * ld + i), sum);
            vec slope = vec_fma(q, total, vec_neg(side_target(&c, j)));
            vec_store(d + j * ld + i, vec_flush_gradient(vec_mul(s, slope)));
        }
    }
}

/* max(neg - pos + 1, 0), pos = sum_j t_j p_j, neg = max_j (1 - t_j) p_j; where that is
   positive dl/dp_j = -t_j, and 1 - t_j more at the first column with the maximum. */
static void categorical_hinge_side(real *value, real *d, const real *p, const real *t,
                                   size_t ld, size_t m, size_t cols, const real *weight,
                                   real scale, const struct nn_loss_args *args)
{
    const vec one = vec_set(1), zero = vec_zero();
    (void)args;
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec pos = side_dot(t + i, p + i, ld, cols), neg = vec_set(-INFINITY), at = zero;
        for (size_t j = 0; j < cols; j++) {
            vec rest = vec_sub(one, vec_load(t + j * ld + i));
            vec other = vec_mul(rest, vec_load(p + j * ld + i));
            mask is_new = vec_gt(other, neg);
            neg = vec_select(is_new, other, neg);
            at = vec_select(is_new, vec_set((real)j), at);
        }
        // A NaN in the row makes pos NaN, hence the value.
        vec h = vec_add(vec_sub(neg, pos), one), s = vec_set(scale);
        vec_store(value + i, vec_select(vec_le(h, zero), zero, h));
        if (!d) continue;
        if (weight) s = vec_mul(vec_load(weight + i), s);
        for (size_t j = 0; j < cols; j++) {
            vec u = vec_load(t + j * ld + i), slope = vec_neg(u);
            mask is_best = vec_eq(at, vec_set((real)j));
            slope = vec_select(is_best, vec_sub(vec_sub(one, u), u), slope);
            slope = vec_select(vec_le(h, zero), zero,
                               vec_select(vec_gt(h, zero), slope, h));
            vec_store(d + j * ld + i, vec_flush_gradient(vec_mul(s, slope)));
        }
    }
}

/* ---- Losses over classes, one row after the other ------------------------------- */

/* A loss of short rows: these brought side by side. t_cols: columns of t. */
ONE_COPY void short_rows(real *value, real *d, const real *p, const real *t,
                         size_t rows, size_t cols, size_t t_cols, const real *weight,
                         real scale, const struct nn_loss_args *args,
                         side_loss_fn *side)
{
    real sp[SHORT_ROW * VEC_LANES], st[SHORT_ROW * VEC_LANES],
        sd[SHORT_ROW * VEC_LANES];
    for (size_t i = 0; i < rows; i += VEC_LANES) {
        size_t m = rows - i < VEC_LANES ? rows - i : VEC_LANES;
        real values[VEC_LANES], weights[VEC_LANES];
        rows_to_side(sp, p + i * cols, cols, m, cols);
        rows_to_side(st, t + i * t_cols, t_cols, m, t_cols);
        if (weight) vec_store(weights, vec_load_upto(weight + i, m));
        side(values, d ? sd : NULL, sp, st, VEC_LANES, m, cols, weight ? weights : NULL,
             scale, args);
        vec_store_upto(value + i, vec_load(values), m);
        if (d) side_to_rows(d + i * cols, sd, m, cols);
    }
}

/* How the targets of one row are had, a vector at a time. */
struct classes {
    const real *t; /* the row of targets, or of one label */
    size_t cols;
    int sparse;            /* t is a label: one-hot */
    real keep, shift;      /* dense: t (1 - s) + s / cols = keep t + shift */
    real label, hit, miss; /* sparse: hit = 1 in column label, miss = 0; NaN if bad */
};

VEC_INLINE struct classes classes_of(const real *t, size_t row, size_t cols,
                                     const int sparse, const struct nn_loss_args *args)
{
    struct classes c = {.t = t + row * (sparse ? 1 : cols), .cols = cols};
    c.sparse = sparse;
    if (sparse) {
        c.label = c.t[0];
        int is_class = c.label >= 0 && c.label < (real)cols;
        is_class = is_class && (real)(size_t)c.label == c.label;
        c.hit = is_class ? 1 : (real)NAN;
        c.miss = is_class ? 0 : (real)NAN;
    } else {
        c.keep = 1 - args->label_smoothing;
        c.shift = args->label_smoothing / (real)cols;
    }
    return c;
}

/* Targets of vector v in the block of columns at j; +0 past the last column. */
VEC_INLINE vec class_targets(const struct classes *c, size_t j, size_t v)
{
    static const real column_0[NN_ROW_LANES] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 15};
    if (c->sparse) {
        vec column = vec_add(vec_load(column_0 + v * VEC_LANES), vec_set((real)j));
        mask is_hit = vec_eq(column, vec_set(c->label));
        return vec_select(is_hit, vec_set(c->hit), vec_set(c->miss));
    }
    vec t = row_load(c->t + j, c->cols - j, v);
    t = vec_fma(t, vec_set(c->keep), vec_set(c->shift));
    return row_select(c->cols - j, v, t, vec_zero());
}

VEC_INLINE void row_store(real *x, size_t n, size_t v, vec a)
{
    size_t first = v * VEC_LANES;
    if (n > first) vec_store_upto(x + first, a, n - first);
}

ONE_COPY void long_crossentropy(real *value, real *d, const real *p, const real *t,
                                size_t rows, size_t cols, const real *weight,
                                real scale, const struct nn_loss_args *args,
                                const int sparse)
{
    const vec lo = vec_set(LOSS_EPSILON), hi = vec_set(1 - LOSS_EPSILON);
    for (size_t i = 0; i < rows; i++, p += cols) {
        const struct classes c = classes_of(t, i, cols, sparse, args);
        vec sum = vec_set(row_sum(p, cols)), logs[VEC_ROW], dots[VEC_ROW];
        for (size_t v = 0; v < VEC_ROW; v++)
            logs[v] = dots[v] = vec_zero();
        for (size_t j = 0; j < cols; j += NN_ROW_LANES)
            for (size_t v = 0; v < VEC_ROW; v++) {
                vec q = vec_div(row_load(p + j, cols - j, v), sum);
                // Where S is 0 the quotient past the last column is NaN.
                q = row_select(cols - j, v, q, vec_zero());
                vec u = class_targets(&c, j, v);
                vec g = vec_neg(vec_div(u, unless_cut(q, q, lo, hi)));
                logs[v] = vec_fma(u, vec_log(vec_clamp(q, lo, hi)), logs[v]);
                dots[v] = vec_fma(g, q, dots[v]);
            }
        value[i] = -row_join_sum(logs);
        if (!d) continue;
        vec dot = vec_set(row_join_sum(dots));
        vec s = vec_set(weight ? weight[i] * scale : scale);
        for (size_t j = 0; j < cols; j += NN_ROW_LANES)
            for (size_t v = 0; v < VEC_ROW; v++) {
                vec q = vec_div(row_load(p + j, cols - j, v), sum);
                vec u = class_targets(&c, j, v);
                vec g = vec_neg(vec_div(u, unless_cut(q, q, lo, hi)));
                vec slope = vec_div(vec_sub(g, dot), sum);
                slope = vec_flush_gradient(vec_mul(s, slope));
                row_store(d + i * cols + j, cols - j, v, slope);
            }
    }
}

VEC_INLINE void long_crossentropy_logits(real *value, real *d, const real *z,
                                         const real *t, size_t rows, size_t cols,
                                         const real *weight, real scale,
                                         const struct nn_loss_args *args,
                                         const int sparse)
{
    real sums[LOSS_BLOCK], totals[LOSS_BLOCK], dots[LOSS_BLOCK]; // S, T, sum t x
    for (size_t first = 0; first < rows; first += LOSS_BLOCK) {
        size_t m = rows - first < LOSS_BLOCK ? rows - first : LOSS_BLOCK;
        for (size_t r = 0; r < m; r++) {
            const real *in = z + (first + r) * cols;
            const struct classes c = classes_of(t, first + r, cols, sparse, args);
            vec top = vec_set(row_max(in, cols));
            vec sum[VEC_ROW], total[VEC_ROW], dot[VEC_ROW];
            for (size_t v = 0; v < VEC_ROW; v++)
                sum[v] = total[v] = dot[v] = vec_zero();
            for (size_t j = 0; j < cols; j += NN_ROW_LANES)
                for (size_t v = 0; v < VEC_ROW; v++) {
                    vec x = vec_sub(row_load(in + j, cols - j, v), top);
                    vec e = row_select(cols - j, v, vec_exp_share(x), vec_zero());
                    vec u = class_targets(&c, j, v);
                    sum[v] = vec_add(sum[v], e);
                    total[v] = vec_add(total[v], u);
                    dot[v] = vec_fma(u, x, dot[v]);
                    if (d) row_store(d + (first + r) * cols + j, cols - j, v, e);
                }
            sums[r] = row_join_sum(sum);
            totals[r] = row_join_sum(total);
            dots[r] = row_join_sum(dot);
        }
        for (size_t r = 0; r < m; r += VEC_LANES) {
            vec log_sum = vec_log(vec_load_upto(sums + r, m - r));
            vec dot = vec_load_upto(dots + r, m - r);
            vec out = vec_fma(vec_load_upto(totals + r, m - r), log_sum, vec_neg(dot));
            vec_store_upto(value + first + r, out, m - r);
        }
        for (size_t r = 0; d && r < m; r++) {
            real *out = d + (first + r) * cols;
            const struct classes c = classes_of(t, first + r, cols, sparse, args);
            vec s = vec_set(weight ? weight[first + r] * scale : scale);
            vec sum = vec_set(sums[r]), total = vec_set(totals[r]);
            for (size_t j = 0; j < cols; j += NN_ROW_LANES)
                for (size_t v = 0; v < VEC_ROW; v++) {
                    vec q = vec_div(row_load(out + j, cols - j, v), sum);
                    vec slope = vec_fma(q, total, vec_neg(class_targets(&c, j, v)));
                    slope = vec_flush_gradient(vec_mul(s, slope));
                    row_store(out + j, cols - j, v, slope);
                }
        }
    }
}

/* Rows with the ignored label: no loss, no slope. */
VEC_INLINE void forget_side(real *value, real *d, const real *t, size_t ld, size_t m,
                            size_t cols, const struct nn_loss_args *args)
{
    if (!args->ignores) return;
    for (size_t i = 0; i < m; i += VEC_LANES) {
        mask gone = vec_eq(vec_load(t + i), vec_set(args->ignored));
        vec_store(value + i, vec_select(gone, vec_zero(), vec_load(value + i)));
        for (size_t j = 0; d && j < cols; j++) {
            real *at = d + j * ld + i;
            vec_store(at, vec_select(gone, vec_zero(), vec_load(at)));
        }
    }
}
VEC_INLINE void forget_rows(real *value, real *d, const real *t, size_t rows,
                            size_t cols, const struct nn_loss_args *args)
{
    for (size_t i = 0; args->ignores && i < rows; i++) {
        if (t[i] != args->ignored) continue;
        value[i] = 0;
        for (size_t j = 0; d && j < cols; j++)
            d[i * cols + j] = 0;
    }
}

#define LOSS_OVER_CLASSES(name, how, sparse)                                           \
    SIDE(name##_side,                                                                  \
         side_##how(value, d, p, t, ld, m, cols, weight, scale, args, sparse);         \
         if (sparse) forget_side(value, d, t, ld, m, cols, args))                      \
    LOSS(name)                                                                         \
    {                                                                                  \
        if (cols <= SHORT_ROW)                                                         \
            short_rows(value, d, p, t, rows, cols, sparse ? 1 : cols, weight, scale,   \
                       args, name##_side);                                             \
        else                                                                           \
            long_##how(value, d, p, t, rows, cols, weight, scale, args, sparse);       \
        if (sparse) forget_rows(value, d, t, rows, cols, args);                        \
    }
LOSS_OVER_CLASSES(categorical_crossentropy, crossentropy, 0)
LOSS_OVER_CLASSES(sparse_categorical_crossentropy, crossentropy, 1)
LOSS_OVER_CLASSES(categorical_crossentropy_logits, crossentropy_logits, 0)
LOSS_OVER_CLASSES(sparse_categorical_crossentropy_logits, crossentropy_logits, 1)

LOSS(categorical_hinge)
{
    for (size_t i = 0; i < rows; i++, p += cols, t += cols) {
        real pos = row_dot(t, p, cols), neg = -INFINITY;
        size_t best = 0;
        for (size_t j = 0; j < cols; j++) {
            real other = (1 - t[j]) * p[j];
            if (other > neg) {
                neg = other;
                best = j;
            }
        }
        real h = neg - pos + 1, s = weight ? weight[i] * scale : scale;
        value[i] = h <= 0 ? 0 : h;
        for (size_t j = 0; d && j < cols; j++) {
            real slope = j == best ? (1 - t[j]) - t[j] : -t[j];
            real g = s * (h > 0 ? slope : h <= 0 ? 0 : h);
            d[i * cols + j] = g > -REAL_ROOT_MIN && g < REAL_ROOT_MIN ? 0 : g;
        }
    }
}
