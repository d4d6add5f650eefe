/* dropout.c: what is drawn at random: elements set to 0, the order of an epoch's rows.
   A random word depends on nothing but its key and its counter (base/rng.h). */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

#include "base/rng.h"

/* Counters worked on at once, each of which serves four columns of one row. */
#define DROPOUT_COUNTERS 32

/* Positions of a shuffle below which counters are worked on one by one. */
#define SHUFFLE_FEW 16

/* word[4 i + k] = word k of nn_dropout_words(seed, step, row[i], quad[i]), with the
   rounds outside and the counters inside: loops that the compiler vectorises unless it
   has unrolled them before. */
static void dropout_words(uint32_t word[4 * DROPOUT_COUNTERS], uint64_t seed,
                          uint64_t step, const uint32_t row[DROPOUT_COUNTERS],
                          const uint32_t quad[DROPOUT_COUNTERS])
{
    uint32_t c0[DROPOUT_COUNTERS], c1[DROPOUT_COUNTERS];
    uint32_t c2[DROPOUT_COUNTERS], c3[DROPOUT_COUNTERS];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
#pragma GCC unroll 1
    for (size_t i = 0; i < DROPOUT_COUNTERS; i++) {
        c0[i] = quad[i];
        c1[i] = row[i];
        c2[i] = (uint32_t)step;
        c3[i] = (uint32_t)(step >> 32);
    }
#pragma GCC unroll 1
    for (int round = 0; round < 10; round++) {
#pragma GCC unroll 1
        for (size_t i = 0; i < DROPOUT_COUNTERS; i++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0[i],
                     p1 = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
#pragma GCC unroll 1
    for (size_t i = 0; i < DROPOUT_COUNTERS; i++) {
        word[4 * i] = c0[i];
        word[4 * i + 1] = c1[i];
        word[4 * i + 2] = c2[i];
        word[4 * i + 3] = c3[i];
    }
}

static void dropout(real *out, const real *in, size_t rows, size_t cols, size_t row0,
                    uint64_t threshold, real scale, uint64_t seed, uint64_t step)
{
    uint32_t row[DROPOUT_COUNTERS] = {0}, quad[DROPOUT_COUNTERS] = {0};
    uint32_t word[4 * DROPOUT_COUNTERS];
    if (threshold > UINT32_MAX) {
        for (size_t i = 0; i < rows * cols; i++)
            out[i] = 0;
        return;
    }
    const uint32_t least = (uint32_t)threshold;
    size_t i = 0, j = 0; // where the next counter stands
    while (cols && i < rows) {
        size_t n = 0, from_i = i, from_j = j;
        for (; n < DROPOUT_COUNTERS && i < rows; n++) {
            row[n] = (uint32_t)(row0 + i);
            quad[n] = (uint32_t)(j / 4);
            j += 4;
            if (j >= cols) {
                i++;
                j = 0;
            }
        }
        dropout_words(word, seed, step, row, quad);
        for (size_t k = 0; k < n; from_i++, from_j = 0) {
            size_t width = cols - from_j;
            if (width > 4 * (n - k)) width = 4 * (n - k);
            const real *x = in + from_i * cols + from_j;
            real *y = out + from_i * cols + from_j;
            for (size_t l = 0; l < width; l++)
                y[l] = word[4 * k + l] >= least ? x[l] * scale : 0;
            k += (width + 3) / 4;
        }
    }
}

static void shuffle(uint32_t *order, size_t n, uint64_t seed, uint64_t epoch)
{
    uint32_t word[4 * DROPOUT_COUNTERS], five[DROPOUT_COUNTERS], half[DROPOUT_COUNTERS];
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1;) {
        // Word i of this block is that of position first + i.
        size_t first = (i - 1) / (2 * DROPOUT_COUNTERS) * (2 * DROPOUT_COUNTERS);
        if (i - first <= SHUFFLE_FEW) {
            for (size_t c = 0; c < (i - first + 1) / 2; c++)
                nn_dropout_words(word + 4 * c, seed, epoch, 5,
                                 (uint32_t)(first / 2 + c));
        } else {
            for (size_t c = 0; c < DROPOUT_COUNTERS; c++) {
                five[c] = 5;
                half[c] = (uint32_t)(first / 2 + c);
            }
            dropout_words(word, seed, epoch, five, half);
        }
        for (size_t end = first ? first : 1; i > end; i--) {
            const uint32_t *w = word + 2 * (i - 1 - first);
            size_t j =
                (size_t)((unsigned __int128)(w[0] | (uint64_t)w[1] << 32) * i >> 64);
            uint32_t swap = order[i - 1];
            order[i - 1] = order[j];
            order[j] = swap;
        }
    }
}
