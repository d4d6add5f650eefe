/* cpu.c: CPUID and XGETBV on x86, the architecture itself elsewhere.

   CPUID is slow under a hypervisor, where it leaves the guest, so it is asked once per
   process. The choice among what runs here is made in nncore.c. */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BIT(isa) (1u << (isa))

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

/* The registers that the operating system saves: XCR0. Needs OSXSAVE. */
static unsigned saved_registers(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static unsigned probe(void)
{
    const unsigned ymm = 0x6, zmm = 0xe6; // bits of XCR0, the narrower states included
    const unsigned wide_bits =
        bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL;
    unsigned found = BIT(NN_ISA_generic), a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX) ||
        !(c & bit_FMA))
        return found;
    unsigned saved = saved_registers();
    if ((saved & ymm) != ymm || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
        !(b & bit_AVX2))
        return found;
    found |= BIT(NN_ISA_avx2);
    if ((saved & zmm) == zmm && (b & wide_bits) == wide_bits)
        found |= BIT(NN_ISA_avx512);
    return found;
}

#elif defined(__aarch64__)

static unsigned probe(void) { return BIT(NN_ISA_generic) | BIT(NN_ISA_neon); }

#else

static unsigned probe(void) { return BIT(NN_ISA_generic); }

#endif

int nn_cpu_has(nn_isa isa)
{
    static atomic_uint known; // never 0 once asked: generic runs everywhere
    unsigned found = atomic_load_explicit(&known, memory_order_relaxed);
    if (!found) {
        found = probe();
        atomic_store_explicit(&known, found, memory_order_relaxed);
    }
    return (unsigned)isa < NN_ISA_END && (found & BIT(isa)) != 0;
}

int nn_cpu_isa_wish(void)
{
    const char *wish = getenv("NNCORE_ISA");
    if (!wish || !*wish) return NN_ISA_AUTO;
#define NN_MATCH(name)                                                                 \
    if (!strcmp(wish, #name)) return NN_ISA_##name;
    NN_ISAS(NN_MATCH)
#undef NN_MATCH
    return -1;
}
