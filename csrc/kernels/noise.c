/* noise.c: what training does to outputs at random. The word of element (row, col) at a
   step decides (base/rng.h); n is the standard normal number that it stands for.

   dropout: word >= threshold ? scale y : 0, scale = 1 / (1 - rate)
   gaussian_dropout: y (1 + scale n), scale = sqrt(rate / (1 - rate))
   gaussian_noise: y + scale n, scale the standard deviation
   alpha_dropout: word >= threshold ? scale y + shift : low; self-normalizing networks
   keep mean and variance: with a' = -1.758099..., scale = ((1 - rate) (1 + rate
   a'^2))^(-1/2), shift = -scale a' rate, low = scale a' + shift. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* Words of DRAW counters. */
#define NOISE_WORDS (4 * DRAW)

/* n[w] = sqrt(2) erfinv(x), where x = 2 (word + 1/2) / 2^32 - 1: Giles' polynomials in
   w = -log(1 - x^2) (GPU Computing Gems 2, 2011), to 7 digits. 1 - |x| is exact in
   integers, where x itself would be rounded to 1. */
static void normals(real n[NOISE_WORDS], const uint64_t word[NOISE_WORDS / 2])
{
    static const real centre[] = {
        REAL(1.50140941),     REAL(0.246640727),    REAL(-0.00417768164),
        REAL(-0.00125372503), REAL(0.00021858087),  REAL(-4.39150654e-06),
        REAL(-3.5233877e-06), REAL(3.43273939e-07), REAL(2.81022636e-08)};
    static const real tail[] = {
        REAL(2.83297682),    REAL(1.00167406),     REAL(0.00943887047),
        REAL(-0.0076224613), REAL(0.00573950773),  REAL(-0.00367342844),
        REAL(0.00134934322), REAL(0.000100950558), REAL(-0.000200214257)};
    real rest[NOISE_WORDS];
    for (size_t w = 0; w < NOISE_WORDS; w++) {
        uint32_t u = (uint32_t)(w % 2 ? word[w / 2] >> 32 : word[w / 2]);
        int64_t odd = 2 * (int64_t)u + 1 - ((int64_t)1 << 32);
        n[w] = (real)odd * REAL(0x1p-32);
        rest[w] = (real)(((int64_t)1 << 32) - (odd < 0 ? -odd : odd)) * REAL(0x1p-32);
    }
    for (size_t i = 0; i < NOISE_WORDS; i += VEC_LANES) {
        vec x = vec_load(n + i), q = vec_load(rest + i);
        vec w = vec_neg(vec_log(vec_mul(q, vec_sub(vec_set(2), q))));
        vec near = POLYNOMIAL(centre, vec_sub(w, vec_set(REAL(2.5))));
        vec far = POLYNOMIAL(tail, vec_sub(vec_sqrt(w), vec_set(3)));
        vec p = vec_select(vec_lt(w, vec_set(5)), near, far);
        vec_store(n + i, vec_mul(vec_mul(p, x), vec_set(REAL(1.4142135623730951))));
    }
}

/* factor[w] = scale where word w is at least threshold, else 0. */
VEC_INLINE void decide(real factor[NOISE_WORDS], const uint64_t word[NOISE_WORDS / 2],
                       uint64_t threshold, real scale)
{
    for (size_t w = 0; w < NOISE_WORDS / 2; w++) {
        factor[2 * w] = (uint32_t)word[w] >= threshold ? scale : 0;
        factor[2 * w + 1] = word[w] >> 32 >= threshold ? scale : 0;
    }
}

/* out = in with n elements of its noise: f is a normal number, or what decide gave. */
VEC_INLINE void disturb(nn_noise kind, real *out, const real *in, const real *f,
                        size_t n, const struct nn_noise_plan *plan)
{
    const vec scale = vec_set(plan->scale), shift = vec_set(plan->shift);
    const vec low = vec_set(plan->low);
    for (size_t j = 0; j < n; j += VEC_LANES) {
        vec by = vec_load_upto(f + j, n - j), x = vec_load_upto(in + j, n - j);
        if (kind == NN_NOISE_dropout)
            x = vec_select(vec_eq(by, vec_zero()), vec_zero(), vec_mul(x, by));
        else if (kind == NN_NOISE_alpha_dropout)
            x = vec_select(vec_eq(by, vec_zero()), low, vec_fma(x, by, shift));
        else if (kind == NN_NOISE_gaussian_noise)
            x = vec_fma(scale, by, x);
        else
            x = vec_mul(x, vec_fma(scale, by, vec_set(1)));
        vec_store_upto(out + j, x, n - j);
    }
}

/* A counter serves four columns of a row; rows are filled up with unused words. */
VEC_INLINE void noise_of_kind(nn_noise kind, real *out, const real *in, size_t rows,
                              size_t cols, size_t row0, uint64_t step,
                              const struct nn_noise_plan *plan)
{
    uint64_t word[2 * DRAW], row[DRAW] = {0}, quad[DRAW] = {0}, low[DRAW], high[DRAW];
    real factor[NOISE_WORDS];
    for (size_t i = 0; i < DRAW; i++)
        low[i] = (uint32_t)step, high[i] = step >> 32;
    size_t i = 0, j = 0; // where the next counter stands
    while (cols && i < rows) {
        size_t n = 0, from_i = i, from_j = j;
        for (; n < DRAW && i < rows; n++) {
            row[n] = row0 + i;
            quad[n] = j / 4;
            j += 4;
            if (j >= cols) {
                i++;
                j = 0;
            }
        }
        draw(word, quad, row, low, high, plan->seed);
        if (kind == NN_NOISE_dropout || kind == NN_NOISE_alpha_dropout)
            decide(factor, word, plan->threshold, plan->scale);
        else
            normals(factor, word);
        for (size_t k = 0; k < n; from_i++, from_j = 0) {
            size_t width = cols - from_j, at = from_i * cols + from_j;
            if (width > 4 * (n - k)) width = 4 * (n - k);
            disturb(kind, out + at, in + at, factor + 4 * k, width, plan);
            k += (width + 3) / 4;
        }
    }
}

static void noise(real *out, const real *in, size_t rows, size_t cols, size_t row0,
                  uint64_t step, const struct nn_noise_plan *plan, int backward)
{
    nn_noise kind = plan->kind;
    if (backward && kind == NN_NOISE_alpha_dropout) kind = NN_NOISE_dropout;
    if (kind == NN_NOISE_dropout && plan->threshold > UINT32_MAX) {
        for (size_t i = 0; i < rows * cols; i++)
            out[i] = 0;
    } else if (kind == NN_NOISE_dropout) {
        noise_of_kind(NN_NOISE_dropout, out, in, rows, cols, row0, step, plan);
    } else if (kind == NN_NOISE_alpha_dropout) {
        noise_of_kind(NN_NOISE_alpha_dropout, out, in, rows, cols, row0, step, plan);
    } else if (kind == NN_NOISE_gaussian_dropout) {
        noise_of_kind(NN_NOISE_gaussian_dropout, out, in, rows, cols, row0, step, plan);
    } else if (!backward) {
        noise_of_kind(NN_NOISE_gaussian_noise, out, in, rows, cols, row0, step, plan);
    } else {
        for (size_t i = 0; out != in && i < rows * cols; i++)
            out[i] = in[i];
    }
}
