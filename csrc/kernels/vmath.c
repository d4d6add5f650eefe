/* vmath.c: exp, log, tanh, erf with their relatives, inline over one vec.

   Built from the vocabulary alone, hence the same bits on every ISA. NaN gives NaN,
   infinities and the ends of a domain give the limit, zeros keep their sign where the
   function is odd near 0, subnormal arguments count in full, subnormal results lose
   only the bits that they cannot hold.

   Polynomials are minimax fits by Remez exchange in 50-digit arithmetic on 800 to 1500
   Chebyshev points, coefficients then rounded to the type. Each array states the
   function that it fits, the interval, and what the fit's error is relative to.

   Largest error seen, in units of the last place of the exact result:

                 exp  expm1   log  log1p  tanh  sigmoid   erf  softplus
       float32  0.99   1.42  0.83   1.39  2.42     2.34  1.03      1.65
       float64  0.98   1.82  0.82   1.36  2.52     2.30  1.01      1.69

   float32: every 7th bit pattern against the C library's double; float64: 8 million
   points per function, spread over the range both evenly and by exponent, against
   long double. */
#include "kernels/simd/simd.h"

#if NN_REAL_IS_F32
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define EXP_LOWEST REAL(-104.0) /* e^x rounds to 0 */
#define EXP_HIGHEST REAL(89.0)  /* e^x overflows */
#define EXP_NORMAL REAL(-87.0)  /* e^x is a normal number */
#define TANH_HIGHEST REAL(20.0) /* tanh(x / 2) rounds to 1 */
#define ERF_HIGHEST REAL(3.95)  /* erf(x) rounds to 1 */
#define LN2_HIGH REAL(0.693145751953125)
#define LN2_LOW REAL(1.428606820309417232e-6)

/* (e^r - 1 - r) / r^2, |r| <= ln(2) / 2; error 2^-34.2 of e^r. */
static const real exp_terms[] = {
    0.50000000678394702634,   0.16666665866698995175,   0.041666294365144278459,
    0.0083334973437232620937, 0.0013944703542780077813, 0.00019790296449848044697,
};

/* (2 atanh(s) / s - 2) / s^2 of s^2, |s| <= 0.1716; error 2^-29.2 of 2 atanh(s). */
static const real log_terms[] = {
    0.66666666666666666667,
    0.39988393583534740414,
    0.296232455066690555,
};

/* erf(x) / x - 1 of x^2, |x| <= 1; error 2^-29.6 of erf. */
static const real erf_terms[] = {
    0.1283791657,   -0.3761262575,    0.1128358418,   -0.02685376649,
    0.005188231897, -0.0008009269497, 7.850538229e-5,
};

/* log(1 - erf(x)), 1 <= x <= 3.95; error 2^-29.8 of 1. */
static const real log_erfc_terms[] = {
    -0.0003515816080, -1.127048395,    -0.6382123209,   -0.1030485218,
    0.02181044813,    -0.002940838765, 0.0001856944918,
};
#else
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define EXP_LOWEST REAL(-746.0)
#define EXP_HIGHEST REAL(710.0)
#define EXP_NORMAL REAL(-708.0)
#define TANH_HIGHEST REAL(44.0)
#define ERF_HIGHEST REAL(5.95)
#define LN2_HIGH REAL(0.6931471803691238164901733)
#define LN2_LOW REAL(1.908214929270587816144e-10)

/* As above; errors 2^-64.0 of e^r, 2^-59.0 of 2 atanh(s), 2^-56.9 of erf, 2^-59.5. */
static const real exp_terms[] = {
    0.50000000000000000441,     0.16666666666666683487,   0.041666666666666091966,
    0.0083333333333169822513,   0.0013888888889116361549, 0.00019841269896515730063,
    0.000024801586925720092182, 2.7557234727272833658e-6, 2.7557582278877278429e-7,
    2.5112084682113372445e-8,   2.0826583867052882631e-9,
};
static const real log_terms[] = {
    0.66666666666666666667, 0.39999999999779445314, 0.28571428672491759993,
    0.22222204962845847171, 0.18183262113170012072, 0.15321191825663277101,
    0.14729239964064757538,
};
static const real erf_terms[] = {
    0.128379167095512566,    -0.376126389031835171,     0.112837916709440787,
    -0.0268661706430939224,  0.00522397760597014127,    -0.000854832592202076926,
    0.000120552933539126626, -0.0000149247079343311499, 1.64470767341104350e-6,
    -1.62058870890220307e-7, 1.37091077396379701e-8,    -7.77592514818274579e-10,
};
static const real log_erfc_terms[] = {
    -1.82822781360042463e-7,   -1.12837729757387355,     -0.636628635014581547,
    -0.102746835262808609,     0.0190773301491358777,    0.000281691392036847729,
    -0.00177033740961227641,   0.000642331349549372701,  -0.0000456163995024605780,
    -0.0000699333528769653859, 0.0000448486161380090949, -0.0000164484577047377599,
    4.30909062632769174e-6,    -8.46738029695611823e-7,  1.25079941559144874e-7,
    -1.35517843778813987e-8,   1.01947809315425773e-9,   -4.76407411975378657e-11,
    1.04197903277127845e-12,
};
#endif

#define LOG2_E REAL(1.442695040888963407)
#define SQRT_HALF REAL(0.7071067811865475244)
#define TWO_TO_MANTISSA ((real)((real_bits)1 << MANTISSA_BITS))

/* Below this, x is the rounded value of every odd function here with slope 1 at 0. */
#define TINY (REAL_EPSILON / 4)

/* sum_i c[i] x^i, highest power first. */
VEC_INLINE vec polynomial(const real *c, size_t n, vec x)
{
    vec sum = vec_set(c[n - 1]);
    UNROLL for (size_t i = n - 1; i-- > 0;) sum = vec_fma(sum, x, vec_set(c[i]));
    return sum;
}
#define POLYNOMIAL(terms, x) polynomial(terms, sizeof terms / sizeof *terms, x)

/* 2^(n - EXPONENT_BIAS), where n, in the low bits, is a normal number's exponent. */
VEC_INLINE vec power_of_two(ivec n)
{
    return vec_from_bits(ivec_shl(n, MANTISSA_BITS));
}

/* x = k ln 2 + r with k an integer: e^r - 1, with k + bias in the low bits of *n.
   x must be moderate: the sum of k ln 2 is exact for |k| < 2048. */
VEC_INLINE vec exp_reduced(vec x, int bias, ivec *n)
{
    // Adding 1.5 2^MANTISSA_BITS rounds to an integer that stands in the low bits.
    vec magic = vec_set(REAL(1.5) * TWO_TO_MANTISSA + (real)bias);
    vec shifted = vec_fma(x, vec_set(LOG2_E), magic);
    vec k = vec_sub(shifted, magic);
    vec r = vec_fnma(k, vec_set(LN2_HIGH), x);
    r = vec_fnma(k, vec_set(LN2_LOW), r);
    *n = vec_bits(shifted);
    return vec_fma(vec_mul(r, r), POLYNOMIAL(exp_terms, r), r);
}

/* e^x for EXP_LOWEST <= x <= EXP_HIGHEST. */
VEC_INLINE vec exp_clamped(vec x)
{
    ivec n;
    vec y = vec_add(vec_set(1), exp_reduced(x, 2 * EXPONENT_BIAS, &n));
    // Two factors, so that only the last product rounds where the result is subnormal.
    ivec half = ivec_shr(n, 1);
    return vec_mul(vec_mul(y, power_of_two(half)), power_of_two(ivec_sub(n, half)));
}

VEC_INLINE vec vec_exp(vec x)
{
    return exp_clamped(vec_clamp(x, vec_set(EXP_LOWEST), vec_set(EXP_HIGHEST)));
}

/* e^x - 1 */
VEC_INLINE vec vec_expm1(vec x)
{
    ivec n;
    vec in = vec_clamp(x, vec_set(-50), vec_set(EXP_HIGHEST));
    vec m = exp_reduced(in, EXPONENT_BIAS - 1, &n);
    // Half of the result, which cannot overflow: 2^(k-1) m + (2^(k-1) - 1/2).
    vec scale = power_of_two(n);
    vec half = vec_fma(scale, m, vec_sub(scale, vec_set(REAL(0.5))));
    return vec_select(vec_lt(vec_abs(x), vec_set(TINY)), x, vec_add(half, half));
}

/* tanh(x) = m / (m + 2), m = e^(2|x|) - 1, with the sign of x */
VEC_INLINE vec vec_tanh(vec x)
{
    ivec n;
    vec twice = vec_abs(vec_add(x, x));
    vec m = exp_reduced(vec_min(vec_set(TANH_HIGHEST), twice), EXPONENT_BIAS, &n);
    vec scale = power_of_two(n);
    m = vec_fma(scale, m, vec_sub(scale, vec_set(1)));
    return vec_copysign(vec_div(m, vec_add(m, vec_set(2))), x);
}

/* e^x for x <= 0, +0 below EXP_NORMAL: a share of a whole, for which that is nothing.
   A saturated network would meet subnormal shares in every step, and arithmetic on them
   takes a hundred times as long as on others on many CPUs. */
VEC_INLINE vec vec_exp_share(vec x)
{
    ivec n;
    vec least = vec_set(EXP_NORMAL), in = vec_max(least, x);
    vec y = vec_add(vec_set(1), exp_reduced(in, EXPONENT_BIAS, &n));
    return vec_select(vec_lt(x, least), vec_zero(), vec_mul(y, power_of_two(n)));
}

/* e^-|x|, from which sigmoid and softplus are built without overflow */
VEC_INLINE vec exp_minus_abs(vec x) { return vec_exp_share(vec_neg(vec_abs(x))); }

/* 1 / (1 + e^-x) */
VEC_INLINE vec vec_sigmoid(vec x)
{
    vec e = exp_minus_abs(x), one = vec_set(1);
    return vec_div(vec_select(vec_lt(x, vec_zero()), e, one), vec_add(one, e));
}

/* k ln 2 + log(1 + f), sqrt(1/2) <= 1 + f <= sqrt(2). With s = f / (2 + f):
   log(1 + f) = f - (f^2/2 - s (f^2/2 + R)), R = 2 atanh(s) / s - 2. */
VEC_INLINE vec log_reduced(vec f, vec k)
{
    vec s = vec_div(f, vec_add(f, vec_set(2)));
    vec z = vec_mul(s, s);
    vec square = vec_mul(vec_mul(f, f), vec_set(REAL(0.5)));
    vec tail = vec_fma(z, POLYNOMIAL(log_terms, z), square);
    tail = vec_fma(s, tail, vec_mul(k, vec_set(LN2_LOW)));
    return vec_fma(k, vec_set(LN2_HIGH), vec_sub(f, vec_sub(square, tail)));
}

/* The bits of a positive normal x = 2^k m, sqrt(1/2) <= m < sqrt(2), moved so that the
   exponent field holds k + EXPONENT_BIAS. */
VEC_INLINE ivec log_bits(vec x)
{
    ivec shift = ivec_sub(vec_bits(vec_set(1)), vec_bits(vec_set(SQRT_HALF)));
    return ivec_add(vec_bits(x), shift);
}
VEC_INLINE vec log_exponent(ivec bits, vec bias)
{
    ivec two = vec_bits(vec_set(TWO_TO_MANTISSA));
    vec k = vec_from_bits(ivec_or(ivec_shr(bits, MANTISSA_BITS), two));
    return vec_sub(k, vec_add(vec_set(TWO_TO_MANTISSA), bias));
}

/* y where x > start, -inf where x = start, NaN below; +inf where x is. */
VEC_INLINE vec log_limits(vec y, vec x, real start)
{
    vec from = vec_set(start), inf = vec_set(INFINITY);
    vec edge = vec_select(vec_eq(x, from), vec_neg(inf), vec_set(NAN));
    y = vec_select(vec_lt(x, inf), y, x);
    return vec_select(vec_gt(x, from), y, edge);
}

VEC_INLINE vec vec_log(vec x)
{
    mask subnormal = vec_lt(x, vec_set(REAL_MIN));
    vec in = vec_select(subnormal, vec_mul(x, vec_set(TWO_TO_MANTISSA)), x);
    vec bias = vec_select(subnormal, vec_set(EXPONENT_BIAS + MANTISSA_BITS),
                          vec_set(EXPONENT_BIAS));
    ivec bits = log_bits(in);
    ivec low = ivec_set((real_int)(((real_bits)1 << MANTISSA_BITS) - 1));
    vec m = vec_from_bits(ivec_add(ivec_and(bits, low), vec_bits(vec_set(SQRT_HALF))));
    vec y = log_reduced(vec_sub(m, vec_set(1)), log_exponent(bits, bias));
    return log_limits(y, x, 0);
}

/* log(1 + x) */
VEC_INLINE vec vec_log1p(vec x)
{
    ivec bits = log_bits(vec_add(x, vec_set(1)));
    // f = 2^-k (1 + x) - 1 from x, which rounds once: 1 + x has lost x's low bits.
    // 2^(2-k) is never subnormal.
    ivec top = ivec_set(2 * EXPONENT_BIAS + 2);
    vec scale = power_of_two(ivec_sub(top, ivec_shr(bits, MANTISSA_BITS)));
    vec quarter = vec_set(REAL(0.25));
    vec f = vec_fma(vec_mul(x, quarter), scale, vec_fma(scale, quarter, vec_set(-1)));
    // Squares of tiny numbers may be subnormal, which is slow.
    mask tiny = vec_lt(vec_abs(x), vec_set(TINY));
    f = vec_select(tiny, vec_zero(), f);
    vec y = log_reduced(f, log_exponent(bits, vec_set(EXPONENT_BIAS)));
    return vec_select(tiny, x, log_limits(y, x, -1));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
VEC_INLINE vec vec_softplus(vec x)
{
    vec e = exp_minus_abs(x), half = vec_set(REAL(0.5));
    mask big = vec_gt(e, vec_set(REAL(0.4142135623730950488)));
    vec f = vec_select(big, vec_fma(e, half, vec_neg(half)), e);
    vec k = vec_select(big, vec_set(1), vec_zero());
    mask tiny = vec_lt(e, vec_set(TINY));
    vec y = log_reduced(vec_select(tiny, vec_zero(), f), k);
    return vec_add(vec_max(vec_zero(), x), vec_select(tiny, e, y));
}

/* erf(x): x (1 + P(x^2)) up to 1, then 1 - e^Q(|x|) with the sign of x */
VEC_INLINE vec vec_erf(vec x)
{
    ivec n;
    vec a = vec_abs(x), one = vec_set(1);
    vec near = vec_fma(x, POLYNOMIAL(erf_terms, vec_mul(x, x)), x);
    vec log_erfc = POLYNOMIAL(log_erfc_terms, vec_min(vec_set(ERF_HIGHEST), a));
    vec m = exp_reduced(log_erfc, EXPONENT_BIAS, &n), scale = power_of_two(n);
    vec far = vec_fnma(m, scale, vec_sub(one, scale));
    return vec_select(vec_lt(a, one), near, vec_copysign(far, x));
}
