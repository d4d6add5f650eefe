/* cpu.h: what this CPU and its operating system can run. */
#ifndef NN_CPU_H
#define NN_CPU_H

#include "nncore.h"

/* 1 if instructions of `isa` run here: CPUID's bits and the registers that the system
   saves (XGETBV). avx512 means F, BW, CD, DQ and VL together with FMA. */
int nn_cpu_has(nn_isa isa);

/* NNCORE_ISA from the environment: an id; NN_ISA_AUTO if unset or empty; -1 for a name
   that is none of NN_ISAS. */
int nn_cpu_isa_wish(void);

#endif
