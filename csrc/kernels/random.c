/* random.c: random words, and the order of an epoch's rows. A word depends on nothing
   but its key and its counter (base/rng.h). */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

/* Counters worked on at once: vectors whose chains of products overlap. */
#if defined(__AVX2__) && !defined(__AVX512F__)
#define DRAW_VECS 2 /* more need more registers */
#else
#define DRAW_VECS 4
#endif
#define DRAW (DRAW_VECS * WIDE_LANES)

/* word[2 i], word[2 i + 1] = the four words of nn_philox for counter (c0[i], c1[i],
   c2[i], c3[i]), two in each, the first of them low. Rounds look at low halves alone,
   so what is left in the high ones does not matter. */
static void draw(uint64_t word[2 * DRAW], const uint64_t c0[DRAW],
                 const uint64_t c1[DRAW], const uint64_t c2[DRAW],
                 const uint64_t c3[DRAW], uint64_t key)
{
    wide a[DRAW_VECS], b[DRAW_VECS], c[DRAW_VECS], d[DRAW_VECS];
    for (size_t v = 0; v < DRAW_VECS; v++) {
        a[v] = wide_load(c0 + v * WIDE_LANES), b[v] = wide_load(c1 + v * WIDE_LANES);
        c[v] = wide_load(c2 + v * WIDE_LANES), d[v] = wide_load(c3 + v * WIDE_LANES);
    }
    const wide m0 = wide_set(0xD2511F53u), m1 = wide_set(0xCD9E8D57u);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const wide key0 = wide_set(k0), key1 = wide_set(k1);
        for (size_t v = 0; v < DRAW_VECS; v++) {
            wide p0 = wide_mul(a[v], m0), p1 = wide_mul(c[v], m1);
            a[v] = wide_xor(wide_xor(wide_high(p1), b[v]), key0);
            c[v] = wide_xor(wide_xor(wide_high(p0), d[v]), key1);
            b[v] = p1, d[v] = p0;
        }
    }
    for (size_t v = 0; v < DRAW_VECS; v++)
        wide_zip(word + 2 * v * WIDE_LANES, wide_join(a[v], b[v]),
                 wide_join(c[v], d[v]));
}

/* Positions i and the one that word draws from 0 .. i change places. */
VEC_INLINE void swap_places(uint32_t *order, size_t i, uint64_t word)
{
    size_t j = (size_t)((unsigned __int128)word * (i + 1) >> 64);
    uint32_t here = order[i];
    order[i] = order[j];
    order[j] = here;
}

static void shuffle(uint32_t *order, size_t n, uint64_t seed, uint64_t epoch,
                    size_t n_epochs)
{
    uint64_t word[2 * DRAW], half[DRAW], five[DRAW], low[DRAW], high[DRAW];
    const size_t each = (n + 1) / 2; // counters of an epoch
    for (size_t e = 0; e < n_epochs; e++)
        for (size_t i = 0; i < n; i++)
            order[e * n + i] = (uint32_t)i;
    for (size_t k = 0; k < DRAW; k++)
        five[k] = 5;
    // Counters of all epochs in a row, from the last one down.
    for (size_t end = each * n_epochs, first; end; end = first) {
        first = (end - 1) / DRAW * DRAW;
        size_t e = first / each, c = first % each;
        for (size_t k = 0; k < DRAW; k++) {
            half[k] = (uint32_t)c;
            low[k] = (uint32_t)(epoch + e);
            high[k] = (epoch + e) >> 32;
            if (++c == each) {
                c = 0;
                e++;
            }
        }
        draw(word, half, five, low, high, seed);
        e = (end - 1) / each, c = (end - 1) % each;
        for (size_t k = end - first; k-- > 0;) {
            uint32_t *of = order + e * n;
            if (2 * c + 1 < n) swap_places(of, 2 * c + 1, word[2 * k + 1]);
            if (c) swap_places(of, 2 * c, word[2 * k]);
            if (c-- == 0) {
                c = each - 1;
                e--;
            }
        }
    }
}
