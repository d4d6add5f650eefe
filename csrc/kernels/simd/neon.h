/* neon.h: the vocabulary on 16-byte registers of aarch64. */
#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "neon.h needs an aarch64 compiler"
#endif
#include <arm_neon.h>

#define VEC_LANES (16 / sizeof(real))
#if NN_REAL_IS_F32
#define VEC_OP(name) name##q_f32
#define UVEC_OP(name) name##q_u32
#define VEC_TO_BITS vreinterpretq_s32_f32
#define VEC_OF_BITS vreinterpretq_f32_s32
#define TO_MASK vreinterpretq_u32_s32
#define OF_MASK vreinterpretq_s32_u32
typedef float32x4_t vec;
typedef int32x4_t ivec;
typedef uint32x4_t mask;
#define IVEC_OP(name) name##q_s32
#else
#define VEC_OP(name) name##q_f64
#define UVEC_OP(name) name##q_u64
#define VEC_TO_BITS vreinterpretq_s64_f64
#define VEC_OF_BITS vreinterpretq_f64_s64
#define TO_MASK vreinterpretq_u64_s64
#define OF_MASK vreinterpretq_s64_u64
typedef float64x2_t vec;
typedef int64x2_t ivec;
typedef uint64x2_t mask;
#define IVEC_OP(name) name##q_s64
#endif

VEC_INLINE ivec vec_bits(vec a) { return VEC_TO_BITS(a); }
VEC_INLINE vec vec_from_bits(ivec i) { return VEC_OF_BITS(i); }

#if NN_REAL_IS_F32
VEC_INLINE vec vec_set(real x) { return vdupq_n_f32(x); }
VEC_INLINE ivec ivec_set(real_int i) { return vdupq_n_s32(i); }
VEC_INLINE mask mask_not(mask a) { return vmvnq_u32(a); }
VEC_INLINE int mask_any(mask a) { return vmaxvq_u32(a) != 0; }
VEC_INLINE ivec shift(ivec a, int n)
{
    return OF_MASK(vshlq_u32(TO_MASK(a), vdupq_n_s32(n)));
}
#else
VEC_INLINE vec vec_set(real x) { return vdupq_n_f64(x); }
VEC_INLINE ivec ivec_set(real_int i) { return vdupq_n_s64(i); }
VEC_INLINE mask mask_not(mask a) { return veorq_u64(a, vdupq_n_u64(~(uint64_t)0)); }
VEC_INLINE int mask_any(mask a)
{
    return (vgetq_lane_u64(a, 0) | vgetq_lane_u64(a, 1)) != 0;
}
VEC_INLINE ivec shift(ivec a, int n)
{
    return OF_MASK(vshlq_u64(TO_MASK(a), vdupq_n_s64(n)));
}
#endif

VEC_INLINE vec vec_zero(void) { return vec_set(0); }
VEC_INLINE vec vec_load(const real *p) { return VEC_OP(vld1)(p); }
VEC_INLINE void vec_store(real *p, vec v) { VEC_OP(vst1)(p, v); }
VEC_INLINE vec vec_load_n(const real *p, size_t n)
{
    real lanes[VEC_LANES] = {0};
    for (size_t i = 0; i < n; i++)
        lanes[i] = p[i];
    return vec_load(lanes);
}
VEC_INLINE void vec_store_n(real *p, vec v, size_t n)
{
    real lanes[VEC_LANES];
    vec_store(lanes, v);
    for (size_t i = 0; i < n; i++)
        p[i] = lanes[i];
}

VEC_INLINE vec vec_add(vec a, vec b) { return VEC_OP(vadd)(a, b); }
VEC_INLINE vec vec_sub(vec a, vec b) { return VEC_OP(vsub)(a, b); }
VEC_INLINE vec vec_mul(vec a, vec b) { return VEC_OP(vmul)(a, b); }
VEC_INLINE vec vec_div(vec a, vec b) { return VEC_OP(vdiv)(a, b); }
VEC_INLINE vec vec_sqrt(vec a) { return VEC_OP(vsqrt)(a); }
VEC_INLINE vec vec_fma(vec a, vec b, vec c) { return VEC_OP(vfma)(c, a, b); }
VEC_INLINE vec vec_fnma(vec a, vec b, vec c) { return VEC_OP(vfms)(c, a, b); }

VEC_INLINE mask vec_gt(vec a, vec b) { return VEC_OP(vcgt)(a, b); }
VEC_INLINE mask vec_ge(vec a, vec b) { return VEC_OP(vcge)(a, b); }
VEC_INLINE mask vec_lt(vec a, vec b) { return VEC_OP(vclt)(a, b); }
VEC_INLINE mask vec_le(vec a, vec b) { return VEC_OP(vcle)(a, b); }
VEC_INLINE mask vec_eq(vec a, vec b) { return VEC_OP(vceq)(a, b); }
VEC_INLINE mask vec_is_nan(vec a) { return mask_not(VEC_OP(vceq)(a, a)); }
VEC_INLINE mask mask_and(mask a, mask b) { return UVEC_OP(vand)(a, b); }
VEC_INLINE mask mask_or(mask a, mask b) { return UVEC_OP(vorr)(a, b); }
VEC_INLINE vec vec_select(mask m, vec a, vec b) { return VEC_OP(vbsl)(m, a, b); }

/* Not vmaxq: that returns NaN for either operand and orders the zeros. */
VEC_INLINE vec vec_max(vec a, vec b) { return vec_select(vec_gt(a, b), a, b); }
VEC_INLINE vec vec_min(vec a, vec b) { return vec_select(vec_lt(a, b), a, b); }

VEC_INLINE ivec ivec_add(ivec a, ivec b) { return IVEC_OP(vadd)(a, b); }
VEC_INLINE ivec ivec_sub(ivec a, ivec b) { return IVEC_OP(vsub)(a, b); }
VEC_INLINE ivec ivec_and(ivec a, ivec b) { return IVEC_OP(vand)(a, b); }
VEC_INLINE ivec ivec_or(ivec a, ivec b) { return IVEC_OP(vorr)(a, b); }
VEC_INLINE ivec ivec_andnot(ivec a, ivec b) { return IVEC_OP(vbic)(b, a); }
VEC_INLINE ivec ivec_shl(ivec a, int n) { return shift(a, n); }
VEC_INLINE ivec ivec_shr(ivec a, int n) { return shift(a, -n); }

VEC_INLINE vec vec_xor_sign(vec a, vec b)
{
    ivec sign = ivec_and(vec_bits(b), vec_bits(vec_set(REAL(-0.0))));
    return vec_from_bits(IVEC_OP(veor)(vec_bits(a), sign));
}

/* Lane l of a keeps a[l] where l & s is 0, else takes b[l - s]; b takes the rest. */
VEC_INLINE void vec_swap_lanes(vec *a, vec *b, int s)
{
    vec x = *a, y = *b;
#if NN_REAL_IS_F32
    if (s == 2) {
        float64x2_t p = vreinterpretq_f64_f32(x), q = vreinterpretq_f64_f32(y);
        *a = vreinterpretq_f32_f64(vtrn1q_f64(p, q));
        *b = vreinterpretq_f32_f64(vtrn2q_f64(p, q));
        return;
    }
#else
    (void)s;
#endif
    *a = VEC_OP(vtrn1)(x, y);
    *b = VEC_OP(vtrn2)(x, y);
}
#if NN_REAL_IS_F32
VEC_INLINE void vec_columns(real *out, size_t ldo, const real *in, size_t ldi)
{
    vec a = vec_load(in), b = vec_load(in + ldi);
    vec c = vec_load(in + 2 * ldi), d = vec_load(in + 3 * ldi);
    // Zipped twice: a0 c0 a1 c1 and b0 d0 b1 d1 become a0 b0 c0 d0 and a1 b1 c1 d1.
    vec ac = vzip1q_f32(a, c), bd = vzip1q_f32(b, d);
    vec_store(out, vzip1q_f32(ac, bd));
    vec_store(out + ldo, vzip2q_f32(ac, bd));
    ac = vzip2q_f32(a, c), bd = vzip2q_f32(b, d);
    vec_store(out + 2 * ldo, vzip1q_f32(ac, bd));
    vec_store(out + 3 * ldo, vzip2q_f32(ac, bd));
}
VEC_INLINE void vec_rows(real *out, size_t ldo, const real *in, size_t ldi)
{
    vec_columns(out, ldo, in, ldi); // four rows, four columns
}
#else
VEC_INLINE void vec_columns(real *out, size_t ldo, const real *in, size_t ldi)
{
    for (int i = 0; i < 4; i += 2) {
        vec a = vec_load(in + i), b = vec_load(in + i + ldi);
        vec_store(out + i * ldo, vzip1q_f64(a, b));
        vec_store(out + (i + 1) * ldo, vzip2q_f64(a, b));
    }
}
VEC_INLINE void vec_rows(real *out, size_t ldo, const real *in, size_t ldi)
{
    for (int i = 0; i < 4; i += 2) {
        vec a = vec_load(in + i * ldi), b = vec_load(in + (i + 1) * ldi);
        vec_store(out + i, vzip1q_f64(a, b));
        vec_store(out + i + ldo, vzip2q_f64(a, b));
    }
}
#endif

#define WIDE_LANES 2
typedef uint64x2_t wide;
VEC_INLINE wide wide_set(uint64_t i) { return vdupq_n_u64(i); }
VEC_INLINE wide wide_load(const uint64_t *p) { return vld1q_u64(p); }
VEC_INLINE wide wide_mul(wide a, wide b)
{
    return vmull_u32(vmovn_u64(a), vmovn_u64(b));
}
VEC_INLINE wide wide_high(wide a) { return vshrq_n_u64(a, 32); }
VEC_INLINE wide wide_xor(wide a, wide b) { return veorq_u64(a, b); }
VEC_INLINE wide wide_join(wide low, wide high) { return vsliq_n_u64(low, high, 32); }
VEC_INLINE void wide_zip(uint64_t *p, wide a, wide b)
{
    vst1q_u64(p, vzip1q_u64(a, b));
    vst1q_u64(p + 2, vzip2q_u64(a, b));
}
