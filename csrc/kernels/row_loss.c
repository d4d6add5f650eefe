/* row_loss.c: losses of a row that depend on sums along it, and losses whose targets
   have fewer columns than the predictions; then the tables of all losses.

   A loss by sums is five functions of one vec: what is added up first; what is added up
   then, knowing the first sums; the value, of the sums; and the slope of one element.
   The loops around them are there once for all such losses, for rows side by side and
   for long rows; the sums have the order of rows.c either way. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* ---- Losses by sums ------------------------------------------------------------- */

/* One element: prediction, target, and what args->list has for its column. */
struct element {
    vec p, t, own;
};

/* Sums of a row, first those of `first`, then those of `second`; room for two more
   numbers, which `value` may leave for `slope`. */
typedef vec row_sums[6];

typedef void terms_fn(vec *term, const struct element *e, const vec *sums,
                      const struct nn_loss_args *args);
typedef vec sums_fn(vec *sums, const struct nn_loss_args *args);
typedef vec by_sums_fn(const struct element *e, const vec *sums,
                       const struct nn_loss_args *args);

/* How a loss by sums is put together. */
struct by_sums {
    unsigned n_first, n_second; /* terms, at most 3 and 2 */
    terms_fn *first, *second;
    sums_fn *value;
    by_sums_fn *slope;
    int takes_labels; /* t is one-hot of a label */
    int takes_logits; /* p is e^(z - max z), of which the sum's share is softmax(z) */
};

VEC_INLINE struct element side_element(const struct by_sums *how, const real *p,
                                       vec top, const struct side_classes *c, size_t ld,
                                       size_t j, const struct nn_loss_args *args)
{
    struct element e = {.p = vec_load(p + j * ld), .t = side_target(c, j)};
    if (how->takes_logits) e.p = vec_exp_share(vec_sub(e.p, top));
    e.own = vec_set(args->n_list ? args->list[j] : args->alpha);
    return e;
}

ONE_COPY void side_by_sums(const struct by_sums *how, real *value, real *d,
                           const real *p, const real *t, size_t ld, size_t m,
                           size_t cols, const real *weight, real scale,
                           const struct nn_loss_args *args)
{
    const struct nn_loss_args own = *args;
    const unsigned n = how->n_first;
    for (size_t i = 0; i < m; i += VEC_LANES) {
        const struct side_classes c =
            side_classes_of(t + i, ld, cols, how->takes_labels, &own);
        vec lane[3][NN_ROW_LANES], term[3], top = vec_zero();
        row_sums sums;
        if (how->takes_logits) top = side_max(p + i, ld, cols);
        for (unsigned a = 0; a < n; a++)
            side_start(lane[a], cols);
        for (size_t j = 0; j < cols; j++) {
            struct element e = side_element(how, p + i, top, &c, ld, j, &own);
            how->first(term, &e, sums, &own);
            for (unsigned a = 0; a < n; a++)
                lane[a][j % NN_ROW_LANES] = vec_add(lane[a][j % NN_ROW_LANES], term[a]);
        }
        for (unsigned a = 0; a < n; a++)
            sums[a] = side_join_sum(lane[a], cols);
        for (unsigned a = 0; a < how->n_second; a++)
            side_start(lane[a], cols);
        for (size_t j = 0; how->n_second && j < cols; j++) {
            struct element e = side_element(how, p + i, top, &c, ld, j, &own);
            how->second(term, &e, sums, &own);
            for (unsigned a = 0; a < how->n_second; a++)
                lane[a][j % NN_ROW_LANES] = vec_add(lane[a][j % NN_ROW_LANES], term[a]);
        }
        for (unsigned a = 0; a < how->n_second; a++)
            sums[n + a] = side_join_sum(lane[a], cols);
        vec_store(value + i, how->value(sums, &own));
        if (!d) continue;
        vec s = vec_set(scale);
        if (weight) s = vec_mul(vec_load(weight + i), s);
        for (size_t j = 0; j < cols; j++) {
            struct element e = side_element(how, p + i, top, &c, ld, j, &own);
            vec slope = how->slope(&e, sums, &own);
            if (how->takes_logits) slope = vec_mul(e.p, slope);
            vec_store(d + j * ld + i, vec_flush_gradient(vec_mul(s, slope)));
        }
    }
}

VEC_INLINE struct element long_element(const struct by_sums *how, const real *p,
                                       vec top, const struct classes *c, size_t j,
                                       size_t v, const struct nn_loss_args *args)
{
    struct element e = {.p = row_load(p + j, c->cols - j, v),
                        .t = class_targets(c, j, v),
                        .own = vec_set(args->alpha)};
    if (how->takes_logits) e.p = vec_exp_share(vec_sub(e.p, top));
    if (args->n_list) e.own = row_load(args->list + j, c->cols - j, v);
    return e;
}

ONE_COPY void long_by_sums(const struct by_sums *how, real *value, real *d,
                           const real *p, const real *t, size_t rows, size_t cols,
                           const real *weight, real scale,
                           const struct nn_loss_args *args)
{
    const struct nn_loss_args own = *args;
    const unsigned n = how->n_first;
    for (size_t i = 0; i < rows; i++, p += cols) {
        const struct classes c = classes_of(t, i, cols, how->takes_labels, &own);
        vec lane[3][VEC_ROW], term[3], top = vec_zero();
        row_sums sums;
        real out[VEC_LANES];
        if (how->takes_logits) top = vec_set(row_max(p, cols));
        for (unsigned a = 0; a < n; a++)
            row_start(lane[a], 0);
        for (size_t j = 0; j < cols; j += NN_ROW_LANES)
            for (size_t v = 0; v < VEC_ROW; v++) {
                struct element e = long_element(how, p, top, &c, j, v, &own);
                how->first(term, &e, sums, &own);
                for (unsigned a = 0; a < n; a++)
                    lane[a][v] = vec_add(lane[a][v],
                                         row_select(cols - j, v, term[a], vec_zero()));
            }
        for (unsigned a = 0; a < n; a++)
            sums[a] = vec_set(row_join_sum(lane[a]));
        for (unsigned a = 0; a < how->n_second; a++)
            row_start(lane[a], 0);
        for (size_t j = 0; how->n_second && j < cols; j += NN_ROW_LANES)
            for (size_t v = 0; v < VEC_ROW; v++) {
                struct element e = long_element(how, p, top, &c, j, v, &own);
                how->second(term, &e, sums, &own);
                for (unsigned a = 0; a < how->n_second; a++)
                    lane[a][v] = vec_add(lane[a][v],
                                         row_select(cols - j, v, term[a], vec_zero()));
            }
        for (unsigned a = 0; a < how->n_second; a++)
            sums[n + a] = vec_set(row_join_sum(lane[a]));
        vec_store(out, how->value(sums, &own));
        value[i] = out[0];
        if (!d) continue;
        vec s = vec_set(weight ? weight[i] * scale : scale);
        for (size_t j = 0; j < cols; j += NN_ROW_LANES)
            for (size_t v = 0; v < VEC_ROW; v++) {
                struct element e = long_element(how, p, top, &c, j, v, &own);
                vec slope = how->slope(&e, sums, &own);
                if (how->takes_logits) slope = vec_mul(e.p, slope);
                slope = vec_flush_gradient(vec_mul(s, slope));
                row_store(d + i * cols + j, cols - j, v, slope);
            }
    }
}

#define LOSS_BY_SUMS(name, ...)                                                        \
    static const struct by_sums name##_how = {__VA_ARGS__};                            \
    SIDE(name##_side,                                                                  \
         side_by_sums(&name##_how, value, d, p, t, ld, m, cols, weight, scale, args))  \
    LOSS(name)                                                                         \
    {                                                                                  \
        if (cols <= SHORT_ROW)                                                         \
            short_rows(value, d, p, t, rows, cols, name##_how.takes_labels ? 1 : cols, \
                       weight, scale, args, name##_side);                              \
        else                                                                           \
            long_by_sums(&name##_how, value, d, p, t, rows, cols, weight, scale,       \
                         args);                                                        \
    }
#define ARGS const struct nn_loss_args *args ARGS_UNUSED
#define TERMS(name)                                                                    \
    static void name(vec *term, const struct element *e, const vec *sums ARGS_UNUSED,  \
                     ARGS)
#define VALUE(name) static vec name(vec *sums, ARGS)
#define SLOPE(name) static vec name(const struct element *e, const vec *sums, ARGS)

/* -sum_j t_j p_j / (|t| |p|), |x| = max(sqrt(sum_j x_j^2), e); slope -(t_j / |t| + l
   p_j / |p|) / |p|, without l p_j / |p| where |p| is cut. */
TERMS(cosine_terms)
{
    term[0] = vec_mul(e->p, e->p);
    term[1] = vec_mul(e->t, e->t);
    term[2] = vec_mul(e->p, e->t);
}
VALUE(cosine_value)
{
    vec least = vec_set(LOSS_EPSILON);
    vec p = vec_sqrt(sums[0]), t = vec_max(least, vec_sqrt(sums[1]));
    mask cut = vec_lt(p, least);
    p = vec_max(least, p);
    vec l = vec_neg(vec_div(vec_div(sums[2], p), t));
    sums[3] = vec_select(cut, vec_zero(), vec_div(l, p));
    sums[0] = p;
    sums[1] = t;
    return l;
}
SLOPE(cosine_slope)
{
    vec side = vec_div(e->t, sums[1]);
    return vec_neg(vec_div(vec_fma(sums[3], e->p, side), sums[0]));
}
LOSS_BY_SUMS(cosine_similarity, .n_first = 3, .first = cosine_terms,
             .value = cosine_value, .slope = cosine_slope)

/* -sum_j a_j t_j (1 - c_j)^gamma log c_j, q = p / S, S = sum_j p_j, c = min(max(q, e),
   1
   - e). dl/dp_j = (g_j - sum_k g_k q_k) / S, where g_j = a_j t_j (1 - c)^gamma (gamma
   log(c) / (1 - c) - 1 / c), 0 where q is cut. */
TERMS(focal_sum) { term[0] = e->p; }
VEC_INLINE vec focal_term(vec *slope, const struct element *e, const vec *sums, ARGS)
{
    const vec lo = vec_set(LOSS_EPSILON), hi = vec_set(1 - LOSS_EPSILON);
    vec q = vec_div(e->p, sums[0]), one = vec_set(1);
    vec c = vec_clamp(q, lo, hi), rest = vec_sub(one, c), log_c = vec_log(c);
    vec w = vec_mul(vec_mul(e->own, e->t), power_of(rest, args->gamma));
    vec steep = vec_div(vec_mul(vec_set(args->gamma), log_c), rest);
    vec g = vec_mul(w, vec_sub(steep, vec_div(one, c)));
    mask cut = mask_or(vec_lt(q, lo), vec_gt(q, hi));
    *slope = vec_select(cut, vec_zero(), g);
    return vec_neg(vec_mul(w, log_c));
}
TERMS(focal_terms)
{
    vec g;
    term[0] = focal_term(&g, e, sums, args);
    term[1] = vec_mul(g, vec_div(e->p, sums[0]));
}
VALUE(focal_value) { return sums[1]; }
SLOPE(focal_slope)
{
    vec g;
    focal_term(&g, e, sums, args);
    return vec_div(vec_sub(g, sums[2]), sums[0]);
}
#define FOCAL                                                                          \
    .n_first = 1, .n_second = 2, .first = focal_sum, .second = focal_terms,            \
    .value = focal_value, .slope = focal_slope
LOSS_BY_SUMS(categorical_focal_crossentropy, FOCAL)
LOSS_BY_SUMS(categorical_focal_crossentropy_logits, FOCAL, .takes_logits = 1)

/* (1 - c^q) / q, c the prediction of the label's class; slope -t_j c^(q - 1). A NaN in
   another column shows too. */
TERMS(generalized_terms) { term[0] = vec_mul(e->t, e->p); }
VALUE(generalized_value)
{
    vec q = vec_set(args->q);
    sums[1] = power_of(sums[0], args->q - 1);
    return vec_div(vec_sub(vec_set(1), power_of(sums[0], args->q)), q);
}
SLOPE(generalized_slope)
{
    vec zero = vec_zero();
    vec other = vec_mul(e->t, vec_select(vec_is_nan(sums[0]), sums[0], zero));
    return vec_select(vec_eq(e->t, zero), other, vec_neg(sums[1]));
}
LOSS_BY_SUMS(categorical_generalized_cross_entropy, .n_first = 1,
             .first = generalized_terms, .value = generalized_value,
             .slope = generalized_slope, .takes_labels = 1)

/* I = sum_j t_j p_j, T = sum_j t_j, P = sum_j p_j. dice: 1 - 2 I / D, D = T + P + e;
   slope -2 (t_j D - I) / D^2. tversky: 1 - I / D, D = I + alpha (T - I) + beta (P - I)
   + e; slope -(t_j D - I D') / D^2, D' = t_j (1 - alpha - beta) + beta. */
TERMS(overlap_terms)
{
    term[0] = vec_mul(e->t, e->p);
    term[1] = e->t;
    term[2] = e->p;
}
VALUE(dice_value)
{
    vec twice = vec_add(sums[0], sums[0]);
    sums[3] = vec_add(vec_add(sums[1], sums[2]), vec_set(LOSS_EPSILON));
    sums[4] = vec_div(twice, sums[3]);
    return vec_sub(vec_set(1), sums[4]);
}
SLOPE(dice_slope) { return vec_div(vec_sub(sums[4], vec_add(e->t, e->t)), sums[3]); }
LOSS_BY_SUMS(dice, .n_first = 3, .first = overlap_terms, .value = dice_value,
             .slope = dice_slope)
VALUE(tversky_value)
{
    vec wrong = vec_mul(vec_set(args->alpha), vec_sub(sums[1], sums[0]));
    wrong = vec_fma(vec_set(args->beta), vec_sub(sums[2], sums[0]), wrong);
    sums[3] = vec_add(vec_add(sums[0], wrong), vec_set(LOSS_EPSILON));
    sums[4] = vec_div(sums[0], sums[3]);
    return vec_sub(vec_set(1), sums[4]);
}
SLOPE(tversky_slope)
{
    vec beta = vec_set(args->beta), rest = vec_set(1 - args->alpha - args->beta);
    vec steep = vec_fma(e->t, rest, beta);
    return vec_div(vec_sub(vec_mul(sums[4], steep), e->t), sums[3]);
}
LOSS_BY_SUMS(tversky, .n_first = 3, .first = overlap_terms, .value = tversky_value,
             .slope = tversky_slope)

/* ---- Losses with fewer targets than predictions --------------------------------- */

/* Terms [first, first + n) of such a loss, of VEC_LANES rows side by side: the numbers
   of term j are column j - first of p, of its other half if it has two, and of t those
   from the first that the terms need. */
struct part {
    const real *p, *other, *t;
    real *d, *d_other; /* or NULL */
    size_t ld, first, n;
    vec s; /* weight scale / terms */
};

/* Adds the terms to the lanes of the row's sum. */
typedef void part_fn(vec lane[NN_ROW_LANES], const struct part *part,
                     const struct nn_loss_args *args);

/* How such a loss is put together: predictions have two halves, as gaussian_nll's, or
   args->n_list columns for each target. */
struct by_parts {
    part_fn *part;
    int has_halves;
};

VEC_INLINE void store_slope(real *d, const struct part *part, vec slope)
{
    vec_store(d, vec_flush_gradient(vec_mul(part->s, slope)));
}

ONE_COPY void side_by_parts(const struct by_parts *how, real *value, real *d,
                            const real *p, const real *t, size_t ld, size_t m,
                            size_t cols, const real *weight, real scale,
                            const struct nn_loss_args *args)
{
    const struct nn_loss_args own = *args;
    const size_t terms = how->has_halves ? cols / 2 : cols;
    const vec n = vec_set((real)terms);
    for (size_t i = 0; i < m; i += VEC_LANES) {
        vec lane[NN_ROW_LANES];
        struct part part = {.p = p + i,
                            .other = p + i + terms * ld,
                            .t = t + i,
                            .d = d ? d + i : NULL,
                            .d_other = d ? d + i + terms * ld : NULL,
                            .ld = ld,
                            .n = terms,
                            .s = vec_set(scale / (real)terms)};
        if (weight) part.s = vec_mul(vec_load(weight + i), part.s);
        side_start(lane, terms);
        how->part(lane, &part, &own);
        vec_store(value + i, vec_div(side_join_sum(lane, terms), n));
    }
}

/* Rows one after the other: brought side by side, a part at a time. */
ONE_COPY void rows_by_parts(const struct by_parts *how, real *value, real *d,
                            const real *p, const real *t, size_t rows, size_t cols,
                            const real *weight, real scale,
                            const struct nn_loss_args *args)
{
    real side[5][SHORT_ROW * VEC_LANES]; // p, its other half, t; d, its other half
    const struct nn_loss_args own = *args;
    const size_t k = how->has_halves ? 1 : own.n_list;
    const size_t terms = how->has_halves ? cols / 2 : cols, targets = terms / k;
    for (size_t i = 0; i < rows; i += VEC_LANES) {
        size_t m = rows - i < VEC_LANES ? rows - i : VEC_LANES;
        vec lane[NN_ROW_LANES];
        struct part part = {.p = side[0],
                            .other = side[1],
                            .t = side[2],
                            .d = d ? side[3] : NULL,
                            .d_other = d ? side[4] : NULL,
                            .ld = VEC_LANES,
                            .s = vec_set(scale / (real)terms)};
        if (weight) part.s = vec_mul(vec_load_upto(weight + i, m), part.s);
        side_start(lane, terms);
        for (size_t j = 0; j < terms; j += SHORT_ROW) {
            size_t n = terms - j < SHORT_ROW ? terms - j : SHORT_ROW;
            const real *in = p + i * cols + j;
            rows_to_side(side[0], in, cols, m, n);
            if (how->has_halves) rows_to_side(side[1], in + terms, cols, m, n);
            rows_to_side(side[2], t + i * targets + j / k, targets, m,
                         (j + n - 1) / k - j / k + 1);
            part.first = j;
            part.n = n;
            how->part(lane, &part, &own);
            for (size_t l = 0; d && l < m; l++)
                for (size_t c = 0; c < n; c++) {
                    real *out = d + (i + l) * cols + j + c;
                    out[0] = side[3][c * VEC_LANES + l];
                    if (how->has_halves) out[terms] = side[4][c * VEC_LANES + l];
                }
        }
        vec sum = vec_div(side_join_sum(lane, terms), vec_set((real)terms));
        vec_store_upto(value + i, sum, m);
    }
}

#define LOSS_BY_PARTS(name, ...)                                                       \
    static const struct by_parts name##_how = {__VA_ARGS__};                           \
    SIDE(name##_side,                                                                  \
         side_by_parts(&name##_how, value, d, p, t, ld, m, cols, weight, scale, args)) \
    LOSS(name)                                                                         \
    {                                                                                  \
        rows_by_parts(&name##_how, value, d, p, t, rows, cols, weight, scale, args);   \
    }

/* max(q (t - p), (q - 1) (t - p)), p column j, t its target j / k, q the quantile j % k
   of k. Slope 1 - q above t, -q below, 0 at t. */
static void quantile_part(vec lane[NN_ROW_LANES], const struct part *part,
                          const struct nn_loss_args *args)
{
    const size_t k = args->n_list, ld = part->ld;
    const real *t = part->t;
    size_t at = part->first % k;
    for (size_t j = 0; j < part->n; j++) {
        size_t l = (part->first + j) % NN_ROW_LANES;
        vec q = vec_set(args->list[at]), over = vec_set(1 - args->list[at]);
        vec x = vec_sub(vec_load(part->p + j * ld), vec_load(t));
        vec slope = vec_select(vec_gt(x, vec_zero()), over, vec_neg(q));
        mask kink = mask_or(vec_eq(x, vec_zero()), vec_is_nan(x));
        slope = vec_select(kink, x, slope);
        if (part->d) store_slope(part->d + j * ld, part, slope);
        lane[l] = vec_add(lane[l], vec_mul(slope, x));
        if (++at < k) continue;
        at = 0;
        t += ld;
    }
}
LOSS_BY_PARTS(quantile, .part = quantile_part)

/* (log v + (t - p)^2 / v) / 2, + log(2 pi) / 2 if full; v of the other half: e^it if
   log_variance, else max(it, 1e-6). Slopes (p - t) / v, and (1 / v - ((t - p) / v)^2) /
   2, times v if log_variance. A v that is cut keeps its slope, or it could not grow. */
#define LEAST_VARIANCE REAL(1e-6)
#define HALF_LOG_2_PI REAL(0.9189385332046727418)
static void gaussian_part(vec lane[NN_ROW_LANES], const struct part *part,
                          const struct nn_loss_args *args)
{
    const vec half = vec_set(REAL(0.5)), one = vec_set(1);
    const vec fixed = vec_set(args->full ? HALF_LOG_2_PI : 0);
    for (size_t j = 0; j < part->n; j++) {
        size_t l = (part->first + j) % NN_ROW_LANES, at = j * part->ld;
        vec x = vec_sub(vec_load(part->p + at), vec_load(part->t + at));
        vec log_v = vec_load(part->other + at), precision;
        if (args->log_variance) {
            precision = vec_exp(vec_neg(log_v));
        } else {
            vec v = vec_max(vec_set(LEAST_VARIANCE), log_v);
            log_v = vec_log(v);
            precision = vec_div(one, v);
        }
        vec scaled = vec_mul(x, precision), square = vec_mul(scaled, x);
        vec slope = args->log_variance ? vec_sub(one, square)
                                       : vec_fnma(scaled, scaled, precision);
        if (part->d) {
            store_slope(part->d + at, part, scaled);
            store_slope(part->d_other + at, part, vec_mul(half, slope));
        }
        lane[l] = vec_add(lane[l], vec_fma(half, vec_add(log_v, square), fixed));
    }
}
LOSS_BY_PARTS(gaussian_nll, .part = gaussian_part, .has_halves = 1)

/* ---- The tables ----------------------------------------------------------------- */

#define LOSS_ENTRY(name) [NN_LOSS_##name] = name##_loss,
#define LOSS_TABLE NN_LOSSES(LOSS_ENTRY)

#define SIDE_ENTRY(name) [NN_LOSS_##name] = name##_side,
static side_loss_fn *const side_losses[NN_LOSS_END] = {NN_LOSSES(SIDE_ENTRY)};
