/* avx2.h: the vocabulary on 32-byte registers, with FMA. */
#if !defined(__AVX2__) || !defined(__FMA__)
#error "avx2.h needs -mavx2 -mfma"
#endif
#include <immintrin.h>

#define VEC_LANES (32 / sizeof(real))
#if NN_REAL_IS_F32
#define VEC_OP(name) _mm256_##name##_ps
#define IVEC_OP(name) _mm256_##name##_epi32
typedef __m256 vec;
#else
#define VEC_OP(name) _mm256_##name##_pd
#define IVEC_OP(name) _mm256_##name##_epi64
typedef __m256d vec;
#endif
typedef __m256i ivec;
typedef vec mask; /* all bits of a lane set, or none */

VEC_INLINE ivec vec_bits(vec a) { return (ivec)a; }
VEC_INLINE vec vec_from_bits(ivec i) { return (vec)i; }

VEC_INLINE vec vec_zero(void) { return VEC_OP(setzero)(); }
VEC_INLINE vec vec_set(real x) { return VEC_OP(set1)(x); }
VEC_INLINE vec vec_load(const real *p) { return VEC_OP(loadu)(p); }
VEC_INLINE void vec_store(real *p, vec v) { VEC_OP(storeu)(p, v); }

/* Lanes below n: a window on a row of ones followed by zeros. */
VEC_INLINE ivec lanes_below(size_t n)
{
    static const real_int ones[2 * VEC_LANES] = {
        -1,
        -1,
        -1,
        -1,
#if NN_REAL_IS_F32
        -1,
        -1,
        -1,
        -1,
#endif
    };
    return _mm256_loadu_si256((const __m256i *)(ones + VEC_LANES - n));
}
VEC_INLINE vec vec_load_n(const real *p, size_t n)
{
    return VEC_OP(maskload)(p, lanes_below(n));
}
VEC_INLINE void vec_store_n(real *p, vec v, size_t n)
{
    VEC_OP(maskstore)(p, lanes_below(n), v);
}

VEC_INLINE vec vec_add(vec a, vec b) { return VEC_OP(add)(a, b); }
VEC_INLINE vec vec_sub(vec a, vec b) { return VEC_OP(sub)(a, b); }
VEC_INLINE vec vec_mul(vec a, vec b) { return VEC_OP(mul)(a, b); }
VEC_INLINE vec vec_div(vec a, vec b) { return VEC_OP(div)(a, b); }
VEC_INLINE vec vec_sqrt(vec a) { return VEC_OP(sqrt)(a); }
VEC_INLINE vec vec_fma(vec a, vec b, vec c) { return VEC_OP(fmadd)(a, b, c); }
VEC_INLINE vec vec_fnma(vec a, vec b, vec c) { return VEC_OP(fnmadd)(a, b, c); }
VEC_INLINE vec vec_max(vec a, vec b) { return VEC_OP(max)(a, b); }
VEC_INLINE vec vec_min(vec a, vec b) { return VEC_OP(min)(a, b); }

VEC_INLINE mask vec_gt(vec a, vec b) { return VEC_OP(cmp)(a, b, _CMP_GT_OQ); }
VEC_INLINE mask vec_ge(vec a, vec b) { return VEC_OP(cmp)(a, b, _CMP_GE_OQ); }
VEC_INLINE mask vec_lt(vec a, vec b) { return VEC_OP(cmp)(a, b, _CMP_LT_OQ); }
VEC_INLINE mask vec_le(vec a, vec b) { return VEC_OP(cmp)(a, b, _CMP_LE_OQ); }
VEC_INLINE mask vec_eq(vec a, vec b) { return VEC_OP(cmp)(a, b, _CMP_EQ_OQ); }
VEC_INLINE mask vec_is_nan(vec a) { return VEC_OP(cmp)(a, a, _CMP_UNORD_Q); }
VEC_INLINE mask mask_and(mask a, mask b) { return VEC_OP(and)(a, b); }
VEC_INLINE mask mask_or(mask a, mask b) { return VEC_OP(or)(a, b); }
VEC_INLINE mask mask_not(mask a) { return VEC_OP(xor)(a, (vec)_mm256_set1_epi32(-1)); }
VEC_INLINE int mask_any(mask a) { return VEC_OP(movemask)(a) != 0; }
VEC_INLINE vec vec_select(mask m, vec a, vec b) { return VEC_OP(blendv)(b, a, m); }

VEC_INLINE vec vec_xor_sign(vec a, vec b)
{
    return VEC_OP(xor)(a, VEC_OP(and)(b, vec_set(REAL(-0.0))));
}

VEC_INLINE ivec ivec_set(real_int i)
{
#if NN_REAL_IS_F32
    return _mm256_set1_epi32(i);
#else
    return _mm256_set1_epi64x(i);
#endif
}
VEC_INLINE ivec ivec_add(ivec a, ivec b) { return IVEC_OP(add)(a, b); }
VEC_INLINE ivec ivec_sub(ivec a, ivec b) { return IVEC_OP(sub)(a, b); }
VEC_INLINE ivec ivec_and(ivec a, ivec b) { return _mm256_and_si256(a, b); }
VEC_INLINE ivec ivec_or(ivec a, ivec b) { return _mm256_or_si256(a, b); }
VEC_INLINE ivec ivec_andnot(ivec a, ivec b) { return _mm256_andnot_si256(a, b); }
VEC_INLINE ivec ivec_shl(ivec a, int n) { return IVEC_OP(slli)(a, n); }
VEC_INLINE ivec ivec_shr(ivec a, int n) { return IVEC_OP(srli)(a, n); }

/* Lane l of a keeps a[l] where l & s is 0, else takes b[l - s]; b takes the rest. */
VEC_INLINE void vec_swap_lanes(vec *a, vec *b, int s)
{
    vec x = *a, y = *b;
    if (s == VEC_LANES / 2) {
        *a = VEC_OP(permute2f128)(x, y, 0x20);
        *b = VEC_OP(permute2f128)(x, y, 0x31);
        return;
    }
#if NN_REAL_IS_F32
    if (s == 1) {
        *a = _mm256_blend_ps(x, _mm256_moveldup_ps(y), 0xaa);
        *b = _mm256_blend_ps(_mm256_movehdup_ps(x), y, 0xaa);
        return;
    }
    *a = _mm256_shuffle_ps(x, y, 0x44);
    *b = _mm256_shuffle_ps(x, y, 0xee);
#else
    *a = _mm256_unpacklo_pd(x, y);
    *b = _mm256_unpackhi_pd(x, y);
#endif
}
#if NN_REAL_IS_F32
/* Four elements at p and at p + ld side by side. */
VEC_INLINE vec vec_quads(const real *p, size_t ld)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
                                _mm_loadu_ps(p + ld), 1);
}
VEC_INLINE void vec_columns(real *out, size_t ldo, const real *in, size_t ldi)
{
    vec a = vec_quads(in, 4 * ldi), b = vec_quads(in + ldi, 4 * ldi);
    vec c = vec_quads(in + 2 * ldi, 4 * ldi), d = vec_quads(in + 3 * ldi, 4 * ldi);
    __m256d ab = (__m256d)_mm256_unpacklo_ps(a, b),
            cd = (__m256d)_mm256_unpacklo_ps(c, d);
    vec_store(out, (vec)_mm256_unpacklo_pd(ab, cd));
    vec_store(out + ldo, (vec)_mm256_unpackhi_pd(ab, cd));
    ab = (__m256d)_mm256_unpackhi_ps(a, b), cd = (__m256d)_mm256_unpackhi_ps(c, d);
    vec_store(out + 2 * ldo, (vec)_mm256_unpacklo_pd(ab, cd));
    vec_store(out + 3 * ldo, (vec)_mm256_unpackhi_pd(ab, cd));
}
#else
/* Two elements at p and at p + ld side by side. */
VEC_INLINE vec vec_pairs(const real *p, size_t ld)
{
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)),
                                _mm_loadu_pd(p + ld), 1);
}
VEC_INLINE void vec_columns(real *out, size_t ldo, const real *in, size_t ldi)
{
    for (int i = 0; i < 4; i += 2) {
        vec a = vec_pairs(in + i, 2 * ldi), b = vec_pairs(in + i + ldi, 2 * ldi);
        vec_store(out + i * ldo, _mm256_unpacklo_pd(a, b));
        vec_store(out + (i + 1) * ldo, _mm256_unpackhi_pd(a, b));
    }
}
#endif

#if NN_REAL_IS_F32
/* Four elements of a at p, the next four at p + ld. */
VEC_INLINE void vec_store_quads(real *p, size_t ld, __m256d a)
{
    _mm_storeu_ps(p, _mm256_castps256_ps128((vec)a));
    _mm_storeu_ps(p + ld, _mm256_extractf128_ps((vec)a, 1));
}
VEC_INLINE void vec_rows(real *out, size_t ldo, const real *in, size_t ldi)
{
    vec a = vec_load(in), b = vec_load(in + ldi);
    vec c = vec_load(in + 2 * ldi), d = vec_load(in + 3 * ldi);
    __m256d ab = (__m256d)_mm256_unpacklo_ps(a, b);
    __m256d cd = (__m256d)_mm256_unpacklo_ps(c, d);
    vec_store_quads(out, 4 * ldo, _mm256_unpacklo_pd(ab, cd));
    vec_store_quads(out + ldo, 4 * ldo, _mm256_unpackhi_pd(ab, cd));
    ab = (__m256d)_mm256_unpackhi_ps(a, b), cd = (__m256d)_mm256_unpackhi_ps(c, d);
    vec_store_quads(out + 2 * ldo, 4 * ldo, _mm256_unpacklo_pd(ab, cd));
    vec_store_quads(out + 3 * ldo, 4 * ldo, _mm256_unpackhi_pd(ab, cd));
}
#else
/* Two elements of a at p, the next two at p + ld. */
VEC_INLINE void vec_store_pairs(real *p, size_t ld, vec a)
{
    _mm_storeu_pd(p, _mm256_castpd256_pd128(a));
    _mm_storeu_pd(p + ld, _mm256_extractf128_pd(a, 1));
}
VEC_INLINE void vec_rows(real *out, size_t ldo, const real *in, size_t ldi)
{
    for (int i = 0; i < 4; i += 2) {
        vec a = vec_load(in + i * ldi), b = vec_load(in + (i + 1) * ldi);
        vec_store_pairs(out + i, 2 * ldo, _mm256_unpacklo_pd(a, b));
        vec_store_pairs(out + i + ldo, 2 * ldo, _mm256_unpackhi_pd(a, b));
    }
}
#endif

#define WIDE_LANES 4
typedef __m256i wide;
VEC_INLINE wide wide_set(uint64_t i) { return _mm256_set1_epi64x((long long)i); }
VEC_INLINE wide wide_load(const uint64_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
VEC_INLINE wide wide_mul(wide a, wide b) { return _mm256_mul_epu32(a, b); }
VEC_INLINE wide wide_high(wide a) { return _mm256_srli_epi64(a, 32); }
VEC_INLINE wide wide_xor(wide a, wide b) { return _mm256_xor_si256(a, b); }
VEC_INLINE wide wide_join(wide low, wide high)
{
    return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xAA);
}
VEC_INLINE void wide_zip(uint64_t *p, wide a, wide b)
{
    wide low = _mm256_unpacklo_epi64(a, b), high = _mm256_unpackhi_epi64(a, b);
    _mm256_storeu_si256((__m256i *)p, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256((__m256i *)(p + 4), _mm256_permute2x128_si256(low, high, 0x31));
}
