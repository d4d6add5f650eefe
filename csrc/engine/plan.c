/* plan.c: what work costs, and so how many threads share it. */
#include "engine/net.h"

/* Rough rates of one core, in units per microsecond: floating-point operations of a
   product, elements through an activation, parameters through an optimizer. Only the
   choice of threads and of releasing the GIL rests on them, never a result. */
#define FLOPS_PER_US 60e3
#define ELEMENTS_PER_US 2e3
#define PARAMS_PER_US 1.5e3

/* A team costs its start, and each step two barriers and the traffic between caches;
   far more where the machine is busy, so a thread must have much more to do than that.
 */
#define BARRIERS_US 6.0
#define TEAM_START_US 10.0

static double microseconds(const nn_net *base, size_t n_rows, int training)
{
    const struct net *net = net_of(base);
    double elements = 0;
    for (size_t l = 0; l < base->n_layers; l++)
        elements += (double)net->layers[l].n_out;
    double slow = (NN_REAL_IS_F32 ? 1 : 2) * (base->isa == NN_ISA_generic ? 40.0 : 1);
    double rows = (double)n_rows;
    double us = rows * slow * (net->flops / FLOPS_PER_US + elements / ELEMENTS_PER_US);
    return training ? 3 * us + slow * (double)net->n_params / PARAMS_PER_US : us;
}

/* Threads for steps of n_rows rows: as many as leave each enough to do, never more
   than allowed; one where a team would not be clearly faster. */
static unsigned team_for(const struct net *net, size_t n_rows, int training,
                         unsigned wish)
{
    if (net->forced_threads) return net->forced_threads;
    double us = microseconds(&net->base, n_rows, training);
    double overhead = training ? BARRIERS_US : TEAM_START_US;
    if (us < 4 * overhead) return 1;
    unsigned limit = nn_thread_limit(wish);
    double most = us / (2 * overhead);
    return most < limit ? (unsigned)most : limit;
}
