/* real.h: the element type that a variant object is compiled for.

   -DNN_DTYPE=f32 or f64 chooses; both default so that an editor can open any fragment
   alone. REAL(0.5) writes a constant of that type. */
#ifndef NN_REAL_H
#define NN_REAL_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#ifndef NN_DTYPE
#define NN_DTYPE f32
#endif
#ifndef NN_ISA
#define NN_ISA generic
#endif

#define NN_PASTE_(a, b, c) a##b##c
#define NN_PASTE(a, b, c) NN_PASTE_(a, b, c)

#define NN_IS_f32 1
#define NN_IS_f64 2
#if NN_PASTE(NN_IS_, NN_DTYPE, ) == 1
#define NN_REAL_IS_F32 1
typedef float real;
typedef int32_t real_int;
typedef uint32_t real_bits;
#define REAL_MIN FLT_MIN       /* smallest normal number */
#define REAL_ROOT_MIN 0x1p-63f /* its root */
#define REAL_EPSILON FLT_EPSILON
#elif NN_PASTE(NN_IS_, NN_DTYPE, ) == 2
#define NN_REAL_IS_F32 0
typedef double real;
typedef int64_t real_int;
typedef uint64_t real_bits;
#define REAL_MIN DBL_MIN
#define REAL_ROOT_MIN 0x1p-511
#define REAL_EPSILON DBL_EPSILON
#else
#error "NN_DTYPE must be f32 or f64"
#endif

#define REAL(x) ((real)(x))

/* Columns of a weight panel: 256 bytes on every ISA, so that layouts agree. */
#define NN_PANEL (256 / sizeof(real))

/* Length of one chain of multiply-adds along a contracted index. */
#define NN_CHAIN 512

/* Virtual lanes of sums along a row, and length of a block of sums over everything. */
#define NN_ROW_LANES 16
#define NN_SUM_BLOCK 4096

#endif
