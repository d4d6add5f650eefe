/* generic.h: the vocabulary with one lane, in plain C: the definition and the portable
   build. float32's fma is exact without a fused instruction (see exact_fma). */
#include <string.h>

#define VEC_LANES 1
typedef real vec;
typedef real_int ivec;
typedef int mask;

VEC_INLINE ivec vec_bits(vec a)
{
    ivec i;
    memcpy(&i, &a, sizeof i);
    return i;
}
VEC_INLINE vec vec_from_bits(ivec i)
{
    vec a;
    memcpy(&a, &i, sizeof a);
    return a;
}

/* a b + c rounded once. */
#if NN_REAL_IS_F32 && !defined(__FP_FAST_FMAF)
ONE_COPY real exact_fma(real a, real b, real c)
{
    /* The product is exact in double. The sum is rounded to odd, so that the second
       rounding, to float, sees on which side of a tie it lies (Boldo, Melquiond 2008).
     */
    double product = (double)a * b, sum = product + c;
    double virtual_c = sum - product;
    double error = (product - (sum - virtual_c)) + (c - virtual_c);
    int64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if (error != 0 && !(bits & 1) && sum - sum == 0) {
        bits += (error > 0) == (sum > 0) ? 1 : -1;
        memcpy(&sum, &bits, sizeof sum);
    }
    return (real)sum;
}
#elif NN_REAL_IS_F32
VEC_INLINE real exact_fma(real a, real b, real c) { return __builtin_fmaf(a, b, c); }
#else
VEC_INLINE real exact_fma(real a, real b, real c) { return fma(a, b, c); }
#endif

VEC_INLINE vec vec_zero(void) { return 0; }
VEC_INLINE vec vec_set(real x) { return x; }
VEC_INLINE vec vec_load(const real *p) { return *p; }
VEC_INLINE void vec_store(real *p, vec v) { *p = v; }
VEC_INLINE vec vec_load_n(const real *p, size_t n) { return n ? *p : 0; }
VEC_INLINE void vec_store_n(real *p, vec v, size_t n)
{
    if (n) *p = v;
}

VEC_INLINE vec vec_add(vec a, vec b) { return a + b; }
VEC_INLINE vec vec_sub(vec a, vec b) { return a - b; }
VEC_INLINE vec vec_mul(vec a, vec b) { return a * b; }
VEC_INLINE vec vec_div(vec a, vec b) { return a / b; }
VEC_INLINE vec vec_sqrt(vec a) { return (real)__builtin_sqrt(a); }
VEC_INLINE vec vec_fma(vec a, vec b, vec c) { return exact_fma(a, b, c); }
VEC_INLINE vec vec_fnma(vec a, vec b, vec c) { return exact_fma(-a, b, c); }

/* a > b ? a : b: the second operand where either is NaN or both are zeros. */
VEC_INLINE vec vec_max(vec a, vec b) { return a > b ? a : b; }
VEC_INLINE vec vec_min(vec a, vec b) { return a < b ? a : b; }

VEC_INLINE mask vec_gt(vec a, vec b) { return a > b; }
VEC_INLINE mask vec_ge(vec a, vec b) { return a >= b; }
VEC_INLINE mask vec_lt(vec a, vec b) { return a < b; }
VEC_INLINE mask vec_le(vec a, vec b) { return a <= b; }
VEC_INLINE mask vec_eq(vec a, vec b) { return a == b; }
VEC_INLINE mask vec_is_nan(vec a) { return a != a; }
VEC_INLINE mask mask_and(mask a, mask b) { return a & b; }
VEC_INLINE mask mask_or(mask a, mask b) { return a | b; }
VEC_INLINE mask mask_not(mask a) { return !a; }
VEC_INLINE int mask_any(mask a) { return a; }
VEC_INLINE vec vec_select(mask m, vec a, vec b) { return m ? a : b; }

/* a with its sign flipped where b's sign bit is set. */
VEC_INLINE vec vec_xor_sign(vec a, vec b)
{
    real_bits sign = (real_bits)1 << (8 * sizeof(real) - 1);
    return vec_from_bits(
        (ivec)((real_bits)vec_bits(a) ^ ((real_bits)vec_bits(b) & sign)));
}

/* Integers wrap; shifts are logical. */
VEC_INLINE ivec ivec_set(real_int i) { return i; }
VEC_INLINE ivec ivec_add(ivec a, ivec b) { return (ivec)((real_bits)a + (real_bits)b); }
VEC_INLINE ivec ivec_sub(ivec a, ivec b) { return (ivec)((real_bits)a - (real_bits)b); }
VEC_INLINE ivec ivec_and(ivec a, ivec b) { return a & b; }
VEC_INLINE ivec ivec_or(ivec a, ivec b) { return a | b; }
VEC_INLINE ivec ivec_andnot(ivec a, ivec b) { return ~a & b; }
VEC_INLINE ivec ivec_shl(ivec a, int n) { return (ivec)((real_bits)a << n); }
VEC_INLINE ivec ivec_shr(ivec a, int n) { return (ivec)((real_bits)a >> n); }

/* Lane l of a keeps a[l] where l & s is 0, else takes b[l - s]; b takes the rest. With
   one lane there is nothing to swap. */
VEC_INLINE void vec_swap_lanes(vec *a, vec *b, int s) { (void)a, (void)b, (void)s; }
/* out[i][l] = in[l][i], i < 4, l < VEC_LANES: four columns of in become vectors. */
VEC_INLINE void vec_columns(real *out, size_t ldo, const real *in, size_t ldi)
{
    (void)ldi;
    for (size_t i = 0; i < 4; i++)
        out[i * ldo] = in[i];
}

/* out[l][i] = in[i][l], i < 4, l < VEC_LANES: the inverse. */
VEC_INLINE void vec_rows(real *out, size_t ldo, const real *in, size_t ldi)
{
    (void)ldo;
    for (size_t i = 0; i < 4; i++)
        out[i] = in[i * ldi];
}

/* 64-bit integers: wide_mul multiplies the low halves; wide_zip stores a and b in turn:
   p[2 i] = a[i], p[2 i + 1] = b[i]. */
#define WIDE_LANES 1
typedef uint64_t wide;
VEC_INLINE wide wide_set(uint64_t i) { return i; }
VEC_INLINE wide wide_load(const uint64_t *p) { return *p; }
VEC_INLINE wide wide_mul(wide a, wide b) { return (uint64_t)(uint32_t)a * (uint32_t)b; }
VEC_INLINE wide wide_high(wide a) { return a >> 32; }
VEC_INLINE wide wide_xor(wide a, wide b) { return a ^ b; }
VEC_INLINE wide wide_join(wide low, wide high) { return (uint32_t)low | high << 32; }
VEC_INLINE void wide_zip(uint64_t *p, wide a, wide b) { p[0] = a, p[1] = b; }
