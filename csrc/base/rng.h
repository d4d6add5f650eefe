/* rng.h: Philox4x32-10 (Salmon et al., SC 2011), the counter-based generator.

   A word depends on nothing but its key and its counter, so any thread may compute any
   word, and a run can be resumed from a few integers. */
#ifndef NN_RNG_H
#define NN_RNG_H

#include <stddef.h>
#include <stdint.h>

/* out = the four words of `counter` under `key`. */
static inline void nn_philox(uint32_t out[4], const uint32_t counter[4], uint64_t key)
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* The word that decides about element (row, col) of a dropout layer at `step`. */
static inline void nn_dropout_words(uint32_t out[4], uint64_t seed, uint64_t step,
                                    uint32_t row, uint32_t col_quad)
{
    uint32_t counter[4] = {col_quad, row, (uint32_t)step, (uint32_t)(step >> 32)};
    nn_philox(out, counter, seed);
}

#endif
