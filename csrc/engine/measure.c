/* measure.c: a team at the two things that limit it, arithmetic and memory. */
#include <stdatomic.h>

#include "base/cpu.h"
#include "base/parallel.h"
#include "engine/net.h"

struct measure {
    const struct nn_kernels *kernels;
    size_t times;
    const real *p; /* [n], or NULL: multiply-adds */
    size_t n;
    atomic_size_t done;
};

static void measure_part(void *context, const struct nn_team *team)
{
    struct measure *job = context;
    real x[NN_CHAINED] = {0};
    if (!job->p) {
        atomic_fetch_add(&job->done, job->kernels->multiply_adds(x, job->times));
        return;
    }
    size_t first = job->n * team->rank / team->size;
    size_t n = job->n * (team->rank + 1) / team->size - first;
    for (size_t i = 0; i < job->times; i++)
        x[0] = job->kernels->read_all(job->p + first, n);
    atomic_fetch_add(&job->done, n * job->times);
}

static nn_status measure_cpu(nn_isa isa, const void *p, size_t n, size_t times,
                             unsigned threads, size_t *done)
{
    if (isa >= NN_ISA_END || !kernels_by_isa[isa] || !nn_cpu_has(isa))
        return NN_ERR_ISA;
    struct measure job = {
        .kernels = kernels_by_isa[isa], .times = times, .p = p, .n = n};
    nn_parallel(nn_thread_limit(threads), measure_part, &job);
    *done = job.done;
    return NN_OK;
}
