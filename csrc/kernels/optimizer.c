/* optimizer.c: the update rules, each written once as a body over one vector.

   <kind>_vec(w, s0, s1, s2, g, step) does one step of a rule on VEC_LANES parameters in
   registers; a pointer to a slot that the rule does not have is NULL. entering_vec is
   what happens before any rule. <kind>_update runs both over arrays. Formulas are those
   of Keras 3; the comment at each rule gives the order of operations, where every
   fma(), + - * / and sqrt() rounds once. A slot whose magnitude is subnormal becomes
   +0, so that decaying moments never reach slow arithmetic. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

typedef void rule_fn(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                     const struct nn_step *step);

/* ---- Before the rule ----------------------------------------------------------- */

/* Whether entering_vec changes nothing. */
VEC_INLINE int is_plain(const struct nn_step *step)
{
    return step->scale == 1 && step->l1 == 0 && step->l2 == 0 &&
           step->clip == REAL(INFINITY) && step->shrink == 0;
}

/* The gradient that enters the rule: clip(scale * fma(l2, w, fma(l1, sign(w), g))),
   then w = fma(-shrink, w, w). Absent terms are skipped rather than added as zeros,
   which would turn -0 into +0: plain steps give the same bits on either path. */
VEC_INLINE vec entering_vec(vec *w, vec g, const struct nn_step *step)
{
    if (step->l1 != 0 || step->l2 != 0)
        g = penalty_vec(g, *w, vec_set(step->l1), vec_set(step->l2));
    g = vec_mul(vec_set(step->scale), g);
    g = vec_clamp(g, vec_set(-step->clip), vec_set(step->clip));
    if (step->shrink != 0) *w = vec_fnma(vec_set(step->shrink), *w, *w);
    return g;
}

/* ---- The rules ----------------------------------------------------------------- */

/* Running means: mean + share (x - mean), of x = g and of x = g g. */
VEC_INLINE vec mean_vec(vec mean, vec g, real share)
{
    return vec_flush(vec_fma(vec_set(share), vec_sub(g, mean), mean));
}
VEC_INLINE vec mean_square_vec(vec mean, vec g, real share)
{
    return vec_flush(vec_fma(vec_set(share), vec_fma(g, g, vec_neg(mean)), mean));
}

/* s0 = m, NULL without momentum.
   w = fma(-lr, g, w); with momentum m = fma(-lr, g, mu * m), w = w + m, or with
   nesterov w = w + fma(-lr, g, mu * m) of the new m. */
VEC_INLINE void sgd_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                        const struct nn_step *step)
{
    (void)s1, (void)s2;
    vec lr = vec_set(step->lr), mu = vec_set(step->momentum);
    if (!s0) {
        *w = vec_fnma(lr, g, *w);
        return;
    }
    *s0 = vec_flush(vec_fnma(lr, g, vec_mul(mu, *s0)));
    vec change = step->nesterov ? vec_fnma(lr, g, vec_mul(mu, *s0)) : *s0;
    *w = vec_add(*w, change);
}

/* s0 = v, s1 = m or NULL without momentum, s2 = a or NULL if not centered.
   v = fma(1 - rho, fma(g, g, -v), v), a = fma(1 - rho, g - a, a),
   q = g / sqrt(v + eps), centered g / sqrt(max(fma(-a, a, v), 0) + eps);
   w = fma(-lr, q, w), or m = fma(lr, q, mu * m), w = w - m.
   The maximum keeps rounding from making a variance negative. */
VEC_INLINE void rmsprop_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                            const struct nn_step *step)
{
    vec lr = vec_set(step->lr);
    vec variance = *s0 = mean_square_vec(*s0, g, step->one_minus_rho);
    if (s2) {
        *s2 = mean_vec(*s2, g, step->one_minus_rho);
        variance = vec_max(vec_zero(), vec_fnma(*s2, *s2, variance));
    }
    vec q = vec_div(g, vec_sqrt(vec_add(variance, vec_set(step->epsilon))));
    if (s1) {
        *s1 = vec_flush(vec_fma(lr, q, vec_mul(vec_set(step->momentum), *s1)));
        *w = vec_sub(*w, *s1);
    } else {
        *w = vec_fnma(lr, q, *w);
    }
}

/* s0 = a. a = fma(g, g, a); w = fma(-lr, g / sqrt(a + eps), w). */
VEC_INLINE void adagrad_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                            const struct nn_step *step)
{
    (void)s1, (void)s2;
    *s0 = vec_flush(vec_fma(g, g, *s0));
    vec q = vec_div(g, vec_sqrt(vec_add(*s0, vec_set(step->epsilon))));
    *w = vec_fnma(vec_set(step->lr), q, *w);
}

/* s0 = a, of gradients, s1 = b, of changes.
   a = fma(1 - rho, fma(g, g, -a), a), u = sqrt(b + eps) * g / sqrt(a + eps),
   b = fma(1 - rho, fma(u, u, -b), b), w = fma(-lr, u, w). */
VEC_INLINE void adadelta_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                             const struct nn_step *step)
{
    (void)s2;
    vec epsilon = vec_set(step->epsilon);
    *s0 = mean_square_vec(*s0, g, step->one_minus_rho);
    vec u = vec_div(vec_mul(vec_sqrt(vec_add(*s1, epsilon)), g),
                    vec_sqrt(vec_add(*s0, epsilon)));
    *s1 = mean_square_vec(*s1, u, step->one_minus_rho);
    *w = vec_fnma(vec_set(step->lr), u, *w);
}

/* s0 = m, s1 = v, s2 = largest v so far (amsgrad) or NULL.
   m = fma(1 - b1, g - m, m), v = fma(1 - b2, fma(g, g, -v), v),
   w = fma(-alpha, m / (sqrt(v) + eps), w), alpha = lr sqrt(1 - b2^t) / (1 - b1^t);
   amsgrad takes s2 = max(s2, v) for v in the last line. */
VEC_INLINE void adam_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                         const struct nn_step *step)
{
    *s0 = mean_vec(*s0, g, step->one_minus_beta_1);
    *s1 = mean_square_vec(*s1, g, step->one_minus_beta_2);
    vec v = s2 ? *s2 = vec_max(*s2, *s1) : *s1;
    vec q = vec_div(*s0, vec_add(vec_sqrt(v), vec_set(step->epsilon)));
    *w = vec_fnma(vec_set(step->alpha), q, *w);
}

/* s0 = m, s1 = u. m = fma(1 - b1, g - m, m), u = max(b2 * u, |g|),
   w = fma(-alpha, m / (u + eps), w), alpha = lr / (1 - b1^t). */
VEC_INLINE void adamax_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                           const struct nn_step *step)
{
    (void)s2;
    *s0 = mean_vec(*s0, g, step->one_minus_beta_1);
    *s1 = vec_flush(vec_max(vec_mul(vec_set(step->beta_2), *s1), vec_abs(g)));
    vec q = vec_div(*s0, vec_add(*s1, vec_set(step->epsilon)));
    *w = vec_fnma(vec_set(step->alpha), q, *w);
}

/* s0 = m, s1 = v, both as in Adam.
   w = w - fma(nadam_m, m, nadam_g * g) / (sqrt(v * nadam_v) + eps). */
VEC_INLINE void nadam_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                          const struct nn_step *step)
{
    (void)s2;
    *s0 = mean_vec(*s0, g, step->one_minus_beta_1);
    *s1 = mean_square_vec(*s1, g, step->one_minus_beta_2);
    vec ahead =
        vec_fma(vec_set(step->nadam_m), *s0, vec_mul(vec_set(step->nadam_g), g));
    vec root = vec_sqrt(vec_mul(*s1, vec_set(step->nadam_v)));
    *w = vec_sub(*w, vec_div(ahead, vec_add(root, vec_set(step->epsilon))));
}

/* s0 = m. c = fma(1 - b1, g - m, m), m = fma(1 - b2, g - m, m),
   w = fma(-lr, sign(c), w); sign(0) = 0. */
VEC_INLINE void lion_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                         const struct nn_step *step)
{
    (void)s1, (void)s2;
    vec c = vec_fma(vec_set(step->one_minus_beta_1), vec_sub(g, *s0), *s0);
    vec sign = vec_select(vec_eq(c, vec_zero()), c, vec_copysign(vec_set(1), c));
    sign = vec_select(vec_is_nan(c), c, sign);
    *s0 = mean_vec(*s0, g, step->one_minus_beta_2);
    *w = vec_fnma(vec_set(step->lr), sign, *w);
}

/* x^power, x >= 0. */
VEC_INLINE vec power_vec(vec x, real power)
{
    if (power == REAL(0.5)) return vec_sqrt(x);
    if (power == 1) return x;
    if (power == 0) return vec_set(1);
    return vec_exp(vec_mul(vec_set(power), vec_log(x)));
}

/* s0 = a, s1 = z, p = -learning_rate_power.
   A = fma(g, g, a), q = A^p, z = z + fma(-(q - a^p) / lr, w, fma(2 shrinkage, w, g)),
   w = (clip(z, -l1, l1) - z) / (q / lr + 2 l2 + beta / lr), 0 where |z| <= l1, a = A.
 */
VEC_INLINE void ftrl_vec(vec *w, vec *s0, vec *s1, vec *s2, vec g,
                         const struct nn_step *step)
{
    (void)s2;
    vec lr = vec_set(step->lr), l1 = vec_set(step->l1_limit);
    vec sum = vec_flush(vec_fma(g, g, *s0));
    vec q = power_vec(sum, step->power);
    vec sigma = vec_div(vec_sub(q, power_vec(*s0, step->power)), lr);
    vec change = vec_fnma(sigma, *w, vec_fma(vec_set(step->twice_shrinkage), *w, g));
    vec z = *s1 = vec_flush(vec_add(*s1, change));
    vec top = vec_sub(vec_clamp(z, vec_neg(l1), l1), z);
    vec bottom = vec_add(vec_div(q, lr), vec_set(step->twice_l2));
    *w = vec_select(vec_le(vec_abs(z), l1), vec_zero(), vec_div(top, bottom));
    *s0 = sum;
}

/* ---- Over arrays --------------------------------------------------------------- */

/* One rule on `lanes` parameters from i on. */
VEC_INLINE void update_at(real *w, real *s0, real *s1, real *s2, const real *g,
                          size_t i, size_t lanes, const struct nn_step *step,
                          rule_fn *rule)
{
    vec vw = vec_load_upto(w + i, lanes), vg = vec_load_upto(g + i, lanes);
    vec v0 = s0 ? vec_load_upto(s0 + i, lanes) : vec_zero();
    vec v1 = s1 ? vec_load_upto(s1 + i, lanes) : vec_zero();
    vec v2 = s2 ? vec_load_upto(s2 + i, lanes) : vec_zero();
    rule(&vw, s0 ? &v0 : NULL, s1 ? &v1 : NULL, s2 ? &v2 : NULL, vg, step);
    vec_store_upto(w + i, vw, lanes);
    if (s0) vec_store_upto(s0 + i, v0, lanes);
    if (s1) vec_store_upto(s1 + i, v1, lanes);
    if (s2) vec_store_upto(s2 + i, v2, lanes);
}

VEC_INLINE void update_run(real *w, real *s0, real *s1, real *s2, const real *g,
                           size_t n, const struct nn_step *step, rule_fn *rule)
{
    const struct nn_step own = *step; // a copy that stores to w cannot change
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        update_at(w, s0, s1, s2, g, i, VEC_LANES, &own, rule);
    if (i < n) update_at(w, s0, s1, s2, g, i, n - i, &own, rule);
}

/* <kind>_run: a rule with some of its slots, the others literally NULL, so that all
   tests on them are decided by the compiler. Gradients have entered. */
#define RUN(name, rule, a, b, c)                                                       \
    static void name(real *w, real *s0, real *s1, real *s2, const real *g, size_t n,   \
                     const struct nn_step *step)                                       \
    {                                                                                  \
        (void)s0, (void)s1, (void)s2;                                                  \
        update_run(w, a, b, c, g, n, step, rule);                                      \
    }
RUN(sgd_run, sgd_vec, NULL, NULL, NULL)
RUN(sgd_momentum_run, sgd_vec, s0, NULL, NULL)
RUN(rmsprop_run, rmsprop_vec, s0, NULL, NULL)
RUN(rmsprop_momentum_run, rmsprop_vec, s0, s1, NULL)
RUN(rmsprop_centered_run, rmsprop_vec, s0, NULL, s2)
RUN(rmsprop_both_run, rmsprop_vec, s0, s1, s2)
RUN(adagrad_run, adagrad_vec, s0, NULL, NULL)
RUN(adadelta_run, adadelta_vec, s0, s1, NULL)
RUN(adam_run, adam_vec, s0, s1, NULL)
RUN(adam_amsgrad_run, adam_vec, s0, s1, s2)
RUN(adamax_run, adamax_vec, s0, s1, NULL)
RUN(nadam_run, nadam_vec, s0, s1, NULL)
RUN(lion_run, lion_vec, s0, NULL, NULL)
RUN(ftrl_run, ftrl_vec, s0, s1, NULL)

/* Gradients that enter at once, in a buffer on the stack. */
#define ENTERING 256

VEC_INLINE void enter_at(real *entered, real *w, const real *g, size_t lanes,
                         const struct nn_step *step)
{
    vec vw = vec_load_upto(w, lanes);
    vec_store_upto(entered, entering_vec(&vw, vec_load_upto(g, lanes), step), lanes);
    if (step->shrink != 0) vec_store_upto(w, vw, lanes);
}
VEC_INLINE void enter(real *entered, real *w, const real *g, size_t n,
                      const struct nn_step *step)
{
    size_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        enter_at(entered + i, w + i, g + i, VEC_LANES, step);
    if (i < n) enter_at(entered + i, w + i, g + i, n - i, step);
}

/* A run over plain gradients as they are; over others in parts that enter first. */
ONE_COPY void update(nn_optimizer_fn *run, real *w, real *s0, real *s1, real *s2,
                     const real *g, size_t n, const struct nn_step *step)
{
    real entered[ENTERING];
    if (is_plain(step)) {
        run(w, s0, s1, s2, g, n, step);
        return;
    }
    const struct nn_step own = *step; // a copy that stores cannot change
    for (size_t i = 0, m; i < n; i += m) {
        m = n - i < ENTERING ? n - i : ENTERING;
        enter(entered, w + i, g + i, m, &own);
        run(w + i, s0 ? s0 + i : NULL, s1 ? s1 + i : NULL, s2 ? s2 + i : NULL, entered,
            m, step);
    }
}

/* which: the run for this step. */
#define UPDATE(name, which)                                                            \
    static void name##_update(real *w, real *s0, real *s1, real *s2, const real *g,    \
                              size_t n, const struct nn_step *step)                    \
    {                                                                                  \
        update(which, w, s0, s1, s2, g, n, step);                                      \
    }
UPDATE(sgd, step->momentum != 0 ? sgd_momentum_run : sgd_run)
UPDATE(rmsprop, step->momentum != 0
                    ? step->centered ? rmsprop_both_run : rmsprop_momentum_run
                : step->centered ? rmsprop_centered_run
                                 : rmsprop_run)
UPDATE(adagrad, adagrad_run)
UPDATE(adadelta, adadelta_run)
UPDATE(adam, step->amsgrad ? adam_amsgrad_run : adam_run)
UPDATE(adamax, adamax_run)
UPDATE(nadam, nadam_run)
UPDATE(lion, lion_run)
UPDATE(ftrl, ftrl_run)

/* ---- Around the rule ----------------------------------------------------------- */

static void accumulate(real *sum, const real *g, size_t n)
{
    for (size_t i = 0; i < n; i += VEC_LANES) {
        vec more = vec_load_upto(g + i, n - i);
        vec_store_upto(sum + i, vec_add(vec_load_upto(sum + i, n - i), more), n - i);
    }
}

static void divide(real *out, const real *in, size_t n, real by)
{
    for (size_t i = 0; i < n; i += VEC_LANES) {
        vec x = vec_load_upto(in + i, n - i);
        vec_store_upto(out + i, vec_div(x, vec_set(by)), n - i);
    }
}

static void average(real *w, real *mean, size_t n, real share, int overwrites)
{
    for (size_t i = 0; i < n; i += VEC_LANES) {
        vec x = vec_load_upto(w + i, n - i);
        vec m = mean_vec(vec_load_upto(mean + i, n - i), x, share);
        vec_store_upto(mean + i, m, n - i);
        if (overwrites) vec_store_upto(w + i, m, n - i);
    }
}

#define OPTIMIZER_ENTRY(name) [NN_OPT_##name] = name##_update,
#define OPTIMIZER_TABLE NN_OPTIMIZERS(OPTIMIZER_ENTRY)
