/* measure.c: two loops that do nothing but what a CPU can do fastest, so that others
   can be held against them: multiply-adds in registers, reads of memory. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* Chains in flight: two units times a latency of up to six cycles, and with the two
   constants they fit the sixteen registers of AVX2. */
#define CHAINS 12

static size_t multiply_adds(real *x, size_t times)
{
    const vec a = vec_set(REAL(0.5)), b = vec_set(REAL(1.0));
    vec chain[CHAINS];
    for (size_t i = 0; i < CHAINS; i++)
        chain[i] = vec_load(x + i * VEC_LANES);
    for (size_t t = 0; t < times; t++)
        for (size_t i = 0; i < CHAINS; i++)
            chain[i] = vec_fma(chain[i], a, b);
    for (size_t i = 0; i < CHAINS; i++)
        vec_store(x + i * VEC_LANES, chain[i]);
    return times * CHAINS * VEC_LANES;
}

/* Bits are joined, not added: one cycle each, and the same in any order. */
static real read_all(const real *p, size_t n)
{
    const size_t step = 8 * VEC_LANES;
    real lanes[VEC_LANES];
    ivec seen[8];
    for (size_t i = 0; i < 8; i++)
        seen[i] = vec_bits(vec_zero());
    for (; n >= step; p += step, n -= step)
        for (size_t i = 0; i < 8; i++)
            seen[i] = ivec_or(seen[i], vec_bits(vec_load(p + i * VEC_LANES)));
    for (; n; p += n < VEC_LANES ? n : VEC_LANES, n -= n < VEC_LANES ? n : VEC_LANES)
        seen[0] = ivec_or(seen[0], vec_bits(vec_load_upto(p, n)));
    for (size_t i = 1; i < 8; i++)
        seen[0] = ivec_or(seen[0], seen[i]);
    vec_store(lanes, vec_from_bits(seen[0]));
    real_bits all = 0;
    for (size_t i = 0; i < VEC_LANES; i++) {
        real_bits bits;
        __builtin_memcpy(&bits, &lanes[i], sizeof bits);
        all |= bits;
    }
    real out;
    __builtin_memcpy(&out, &all, sizeof out);
    return out;
}
