/* arena.c: aligned, zeroed, overflow-checked memory.

   Large blocks start on a huge page and ask for huge pages: weights and moments are
   walked from end to end in every step, and 4 KiB pages would cost a TLB miss each. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define HUGE_PAGE ((size_t)2 << 20)
#define LARGE_BLOCK HUGE_PAGE

int nn_add_size(size_t *total, size_t n, size_t size)
{
    size_t bytes, sum;
    if (__builtin_mul_overflow(n, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)NN_ALIGN - 1, &bytes) ||
        __builtin_add_overflow(*total, bytes & ~((size_t)NN_ALIGN - 1), &sum))
        return 0;
    *total = sum;
    return 1;
}

void *nn_alloc(size_t n, size_t size)
{
    size_t bytes = 0;
    if (!nn_add_size(&bytes, n, size) || bytes > PTRDIFF_MAX) return NULL;
    if (bytes == 0) bytes = NN_ALIGN;
    size_t align = bytes >= LARGE_BLOCK ? HUGE_PAGE : NN_ALIGN;
    void *block = NULL;
    int error = errno; // the C core leaves errno alone; malloc and madvise do not
    if (posix_memalign(&block, align, bytes) == 0) {
#ifdef MADV_HUGEPAGE
        if (align == HUGE_PAGE)
            madvise(block, bytes, MADV_HUGEPAGE); // a wish: failure changes nothing
#endif
        memset(block, 0, bytes);
    } else {
        block = NULL;
    }
    errno = error;
    return block;
}

void nn_free(void *block) { free(block); }
