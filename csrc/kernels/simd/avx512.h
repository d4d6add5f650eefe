/* avx512.h: the vocabulary on 64-byte registers (F, BW, CD, DQ, VL). */
#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512CD__) ||       \
    !defined(__AVX512DQ__) || !defined(__AVX512VL__) || !defined(__FMA__)
#error "avx512.h needs -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mfma"
#endif
#include <immintrin.h>

#define VEC_LANES (64 / sizeof(real))
#if NN_REAL_IS_F32
#define VEC_OP(name) _mm512_##name##_ps
#define VEC_CMP(a, b, how) _mm512_cmp_ps_mask(a, b, how)
#define IVEC_OP(name) _mm512_##name##_epi32
typedef __m512 vec;
typedef __mmask16 mask;
#else
#define VEC_OP(name) _mm512_##name##_pd
#define VEC_CMP(a, b, how) _mm512_cmp_pd_mask(a, b, how)
#define IVEC_OP(name) _mm512_##name##_epi64
typedef __m512d vec;
typedef __mmask8 mask;
#endif
typedef __m512i ivec;

VEC_INLINE ivec vec_bits(vec a) { return (ivec)a; }
VEC_INLINE vec vec_from_bits(ivec i) { return (vec)i; }

VEC_INLINE vec vec_zero(void) { return VEC_OP(setzero)(); }
VEC_INLINE vec vec_set(real x) { return VEC_OP(set1)(x); }
VEC_INLINE vec vec_load(const real *p) { return VEC_OP(loadu)(p); }
VEC_INLINE void vec_store(real *p, vec v) { VEC_OP(storeu)(p, v); }
VEC_INLINE mask mask_first(size_t n) { return (mask)((1u << n) - 1); }
VEC_INLINE vec vec_load_n(const real *p, size_t n)
{
    return VEC_OP(maskz_loadu)(mask_first(n), p);
}
VEC_INLINE void vec_store_n(real *p, vec v, size_t n)
{
    VEC_OP(mask_storeu)(p, mask_first(n), v);
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

VEC_INLINE mask vec_gt(vec a, vec b) { return VEC_CMP(a, b, _CMP_GT_OQ); }
VEC_INLINE mask vec_ge(vec a, vec b) { return VEC_CMP(a, b, _CMP_GE_OQ); }
VEC_INLINE mask vec_lt(vec a, vec b) { return VEC_CMP(a, b, _CMP_LT_OQ); }
VEC_INLINE mask vec_le(vec a, vec b) { return VEC_CMP(a, b, _CMP_LE_OQ); }
VEC_INLINE mask vec_eq(vec a, vec b) { return VEC_CMP(a, b, _CMP_EQ_OQ); }
VEC_INLINE mask vec_is_nan(vec a) { return VEC_CMP(a, a, _CMP_UNORD_Q); }
VEC_INLINE mask mask_and(mask a, mask b) { return a & b; }
VEC_INLINE mask mask_or(mask a, mask b) { return a | b; }
VEC_INLINE mask mask_not(mask a) { return (mask)~a; }
VEC_INLINE int mask_any(mask a) { return a != 0; }
VEC_INLINE vec vec_select(mask m, vec a, vec b) { return VEC_OP(mask_blend)(m, b, a); }

VEC_INLINE vec vec_xor_sign(vec a, vec b)
{
    return VEC_OP(xor)(a, VEC_OP(and)(b, vec_set(REAL(-0.0))));
}

VEC_INLINE ivec ivec_set(real_int i)
{
#if NN_REAL_IS_F32
    return _mm512_set1_epi32(i);
#else
    return _mm512_set1_epi64(i);
#endif
}
VEC_INLINE ivec ivec_add(ivec a, ivec b) { return IVEC_OP(add)(a, b); }
VEC_INLINE ivec ivec_sub(ivec a, ivec b) { return IVEC_OP(sub)(a, b); }
VEC_INLINE ivec ivec_and(ivec a, ivec b) { return _mm512_and_si512(a, b); }
VEC_INLINE ivec ivec_or(ivec a, ivec b) { return _mm512_or_si512(a, b); }
VEC_INLINE ivec ivec_andnot(ivec a, ivec b) { return _mm512_andnot_si512(a, b); }
VEC_INLINE ivec ivec_shl(ivec a, int n) { return IVEC_OP(slli)(a, (unsigned)n); }
VEC_INLINE ivec ivec_shr(ivec a, int n) { return IVEC_OP(srli)(a, (unsigned)n); }

/* Lane l of a keeps a[l] where l & s is 0, else takes b[l - s]; b takes the rest. */
VEC_INLINE void vec_swap_lanes(vec *a, vec *b, int s)
{
#if NN_REAL_IS_F32
    if (s == 1) {
        vec x = *a;
        *a = _mm512_mask_moveldup_ps(x, 0xaaaa, *b);
        *b = _mm512_mask_movehdup_ps(*b, 0x5555, x);
        return;
    }
    s /= 2;
#endif
    __m512d x = (__m512d)*a, y = (__m512d)*b;
    if (s == 1) {
        *a = (vec)_mm512_unpacklo_pd(x, y);
        *b = (vec)_mm512_unpackhi_pd(x, y);
    } else if (s == 2) {
        *a = (vec)_mm512_mask_shuffle_f64x2(x, 0xcc, y, y, 0xa0);
        *b = (vec)_mm512_mask_shuffle_f64x2(y, 0x33, x, x, 0xf5);
    } else {
        *a = (vec)_mm512_shuffle_f64x2(x, y, 0x44);
        *b = (vec)_mm512_shuffle_f64x2(x, y, 0xee);
    }
}
#if NN_REAL_IS_F32
/* Four elements at p, at p + ld, ... side by side. */
VEC_INLINE vec vec_quads(const real *p, size_t ld)
{
    vec a = _mm512_castps128_ps512(_mm_loadu_ps(p));
    a = _mm512_insertf32x4(a, _mm_loadu_ps(p + ld), 1);
    a = _mm512_insertf32x4(a, _mm_loadu_ps(p + 2 * ld), 2);
    return _mm512_insertf32x4(a, _mm_loadu_ps(p + 3 * ld), 3);
}
VEC_INLINE void vec_columns(real *out, size_t ldo, const real *in, size_t ldi)
{
    vec a = vec_quads(in, 4 * ldi), b = vec_quads(in + ldi, 4 * ldi);
    vec c = vec_quads(in + 2 * ldi, 4 * ldi), d = vec_quads(in + 3 * ldi, 4 * ldi);
    __m512d ab = (__m512d)_mm512_unpacklo_ps(a, b),
            cd = (__m512d)_mm512_unpacklo_ps(c, d);
    vec_store(out, (vec)_mm512_unpacklo_pd(ab, cd));
    vec_store(out + ldo, (vec)_mm512_unpackhi_pd(ab, cd));
    ab = (__m512d)_mm512_unpackhi_ps(a, b), cd = (__m512d)_mm512_unpackhi_ps(c, d);
    vec_store(out + 2 * ldo, (vec)_mm512_unpacklo_pd(ab, cd));
    vec_store(out + 3 * ldo, (vec)_mm512_unpackhi_pd(ab, cd));
}
#else
/* Two elements at p, at p + ld, ... side by side. */
VEC_INLINE vec vec_pairs(const real *p, size_t ld)
{
    vec a = _mm512_castpd128_pd512(_mm_loadu_pd(p));
    a = _mm512_insertf64x2(a, _mm_loadu_pd(p + ld), 1);
    a = _mm512_insertf64x2(a, _mm_loadu_pd(p + 2 * ld), 2);
    return _mm512_insertf64x2(a, _mm_loadu_pd(p + 3 * ld), 3);
}
VEC_INLINE void vec_columns(real *out, size_t ldo, const real *in, size_t ldi)
{
    for (int i = 0; i < 4; i += 2) {
        vec a = vec_pairs(in + i, 2 * ldi), b = vec_pairs(in + i + ldi, 2 * ldi);
        vec_store(out + i * ldo, _mm512_unpacklo_pd(a, b));
        vec_store(out + (i + 1) * ldo, _mm512_unpackhi_pd(a, b));
    }
}
#endif

#if NN_REAL_IS_F32
/* Four elements of a at p, the next four at p + ld, ... */
VEC_INLINE void vec_store_quads(real *p, size_t ld, __m512d a)
{
    _mm_storeu_ps(p, _mm512_castps512_ps128((vec)a));
    _mm_storeu_ps(p + ld, _mm512_extractf32x4_ps((vec)a, 1));
    _mm_storeu_ps(p + 2 * ld, _mm512_extractf32x4_ps((vec)a, 2));
    _mm_storeu_ps(p + 3 * ld, _mm512_extractf32x4_ps((vec)a, 3));
}
VEC_INLINE void vec_rows(real *out, size_t ldo, const real *in, size_t ldi)
{
    vec a = vec_load(in), b = vec_load(in + ldi);
    vec c = vec_load(in + 2 * ldi), d = vec_load(in + 3 * ldi);
    __m512d ab = (__m512d)_mm512_unpacklo_ps(a, b);
    __m512d cd = (__m512d)_mm512_unpacklo_ps(c, d);
    vec_store_quads(out, 4 * ldo, _mm512_unpacklo_pd(ab, cd));
    vec_store_quads(out + ldo, 4 * ldo, _mm512_unpackhi_pd(ab, cd));
    ab = (__m512d)_mm512_unpackhi_ps(a, b), cd = (__m512d)_mm512_unpackhi_ps(c, d);
    vec_store_quads(out + 2 * ldo, 4 * ldo, _mm512_unpacklo_pd(ab, cd));
    vec_store_quads(out + 3 * ldo, 4 * ldo, _mm512_unpackhi_pd(ab, cd));
}
#else
/* Two elements of a at p, the next two at p + ld, ... */
VEC_INLINE void vec_store_pairs(real *p, size_t ld, vec a)
{
    _mm_storeu_pd(p, _mm512_castpd512_pd128(a));
    _mm_storeu_pd(p + ld, _mm512_extractf64x2_pd(a, 1));
    _mm_storeu_pd(p + 2 * ld, _mm512_extractf64x2_pd(a, 2));
    _mm_storeu_pd(p + 3 * ld, _mm512_extractf64x2_pd(a, 3));
}
VEC_INLINE void vec_rows(real *out, size_t ldo, const real *in, size_t ldi)
{
    for (int i = 0; i < 4; i += 2) {
        vec a = vec_load(in + i * ldi), b = vec_load(in + (i + 1) * ldi);
        vec_store_pairs(out + i, 2 * ldo, _mm512_unpacklo_pd(a, b));
        vec_store_pairs(out + i + ldo, 2 * ldo, _mm512_unpackhi_pd(a, b));
    }
}
#endif

#define WIDE_LANES 8
typedef __m512i wide;
VEC_INLINE wide wide_set(uint64_t i) { return _mm512_set1_epi64((long long)i); }
VEC_INLINE wide wide_load(const uint64_t *p) { return _mm512_loadu_si512(p); }
VEC_INLINE wide wide_mul(wide a, wide b) { return _mm512_mul_epu32(a, b); }
VEC_INLINE wide wide_high(wide a) { return _mm512_srli_epi64(a, 32); }
VEC_INLINE wide wide_xor(wide a, wide b) { return _mm512_xor_si512(a, b); }
VEC_INLINE wide wide_join(wide low, wide high)
{
    return _mm512_mask_blend_epi32(0xAAAA, low, _mm512_slli_epi64(high, 32));
}
VEC_INLINE void wide_zip(uint64_t *p, wide a, wide b)
{
    const wide first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const wide second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi64(a, first, b));
    _mm512_storeu_si512(p + 8, _mm512_permutex2var_epi64(a, second, b));
}
