/* arena.h: aligned blocks: the only place that calls malloc. */
#ifndef NN_ARENA_H
#define NN_ARENA_H

#include <stddef.h>

#define NN_ALIGN 64 /* bytes: a cache line, and the widest register */

/* n elements of `size` bytes, zeroed and aligned to NN_ALIGN; NULL if that overflows,
   exceeds PTRDIFF_MAX or is not to be had. n = 0 gives a valid, empty block. */
void *nn_alloc(size_t n, size_t size);
void nn_free(void *block); /* NULL is fine */

/* *total += n * size rounded up to NN_ALIGN; 0 when that overflows. */
int nn_add_size(size_t *total, size_t n, size_t size);

#endif
