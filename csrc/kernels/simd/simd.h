/* simd.h: the vector vocabulary, picked by -DNN_ISA.

   Every ISA header defines the same names over `vec` (VEC_LANES reals), `ivec` (as many
   integers of the same width) and `mask` (as many booleans); generic.h, with one lane,
   is the definition that the others must equal bit for bit. Only exact or correctly
   rounded operations live here. Helpers below are built from them once for all ISAs. */
#ifndef NN_SIMD_H
#define NN_SIMD_H

#include "base/real.h"

#define NN_ISA_IS_generic 1
#define NN_ISA_IS_avx2 2
#define NN_ISA_IS_avx512 3
#define NN_ISA_IS_neon 4

#define VEC_INLINE static inline __attribute__((always_inline, unused))

/* A function of which there is one copy, whatever constants it is called with: the
   object is there for every ISA and dtype, and most of its code is rarely run. */
#ifdef __clang__
#define ONE_COPY static __attribute__((noinline))
#else
#define ONE_COPY static __attribute__((noinline, noclone))
#endif

#if NN_PASTE(NN_ISA_IS_, NN_ISA, ) == 1
#include "kernels/simd/generic.h"
#elif NN_PASTE(NN_ISA_IS_, NN_ISA, ) == 2
#include "kernels/simd/avx2.h"
#elif NN_PASTE(NN_ISA_IS_, NN_ISA, ) == 3
#include "kernels/simd/avx512.h"
#elif NN_PASTE(NN_ISA_IS_, NN_ISA, ) == 4
#include "kernels/simd/neon.h"
#else
#error "NN_ISA must be generic, avx2, avx512 or neon"
#endif

/* Before a loop over what must be registers. In generic nothing is won: there a
   multiply-add is a call, or as long as one. */
#if NN_PASTE(NN_ISA_IS_, NN_ISA, ) == 1
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* Vectors that hold the NN_ROW_LANES virtual lanes of a row sum. */
#define VEC_ROW (NN_ROW_LANES / VEC_LANES)

VEC_INLINE vec vec_neg(vec a) { return vec_xor_sign(a, vec_set(REAL(-0.0))); }

/* |a| and the magnitude of a with the sign of b. */
VEC_INLINE vec vec_abs(vec a)
{
    return vec_from_bits(ivec_andnot(vec_bits(vec_set(REAL(-0.0))), vec_bits(a)));
}
VEC_INLINE vec vec_copysign(vec a, vec b)
{
    ivec sign = vec_bits(vec_set(REAL(-0.0)));
    return vec_from_bits(
        ivec_or(ivec_andnot(sign, vec_bits(a)), ivec_and(sign, vec_bits(b))));
}

/* min(max(a, lo), hi); NaN in gives NaN out. */
VEC_INLINE vec vec_clamp(vec a, vec lo, vec hi) { return vec_min(hi, vec_max(lo, a)); }

/* a, or +0 where |a| is below the smallest normal number. */
VEC_INLINE vec vec_flush(vec a)
{
    return vec_select(vec_lt(vec_abs(a), vec_set(REAL_MIN)), vec_zero(), a);
}

/* An element of dL/dz, or +0 where it is so small that its square would be below the
   smallest normal number. Such a gradient moves nothing, but products with it would be
   subnormal, and these take a hundred times as long as others on many CPUs. */
VEC_INLINE vec vec_flush_gradient(vec a)
{
    return vec_select(vec_lt(vec_abs(a), vec_set(REAL_ROOT_MIN)), vec_zero(), a);
}

/* The first n >= 1 elements, at most VEC_LANES; the other lanes are +0 when loaded. */
VEC_INLINE vec vec_load_upto(const real *p, size_t n)
{
    return n >= VEC_LANES ? vec_load(p) : vec_load_n(p, n);
}
VEC_INLINE void vec_store_upto(real *p, vec v, size_t n)
{
    if (n >= VEC_LANES)
        vec_store(p, v);
    else
        vec_store_n(p, v, n);
}

/* Lane j of row i and lane i of row j change places. */
VEC_INLINE void vec_transpose(vec row[VEC_LANES])
{
    _Pragma("GCC unroll 4") for (unsigned s = 1; s < VEC_LANES; s *= 2)
        _Pragma("GCC unroll 16") for (unsigned i = 0; i < VEC_LANES; i++) if (!(i & s))
            vec_swap_lanes(&row[i], &row[i + s], (int)s);
}

#endif
