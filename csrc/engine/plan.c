/* plan.c: what work costs, and so how many threads share it: by a model, and where that
   may be wrong by trial. */
#include "engine/net.h"

/* Rough rates of one core, in units per microsecond and vector lane: floating-point
   operations of a product, elements through an activation, parameters through an
   optimizer. Only the choice of threads and of releasing the GIL rests on them, never a
   result. */
#define FLOPS_PER_US 11e3
#define ELEMENTS_PER_US 500.0
#define PARAMS_PER_US 150.0

/* Weights of more bytes than a core keeps are read anew by every call, at this rate. */
#define KEPT_BYTES 1e6
#define BYTES_PER_US 45e3

/* A team costs its start, and each step barriers and the lines that one thread writes
   and another reads: parameters, and their transposes and activations, or in tiny.c
   each chain's gradients. A team must be clearly faster. */
#define TEAM_START_US 10.0
#define TEAM_STEP_US 5.0
#define SHARED_BYTES_PER_US 25e3
#define TEAM_GAIN 0.85

static double microseconds(const nn_net *base, size_t n_rows, int training)
{
    const struct net *net = net_of(base);
    double slow = (base->isa == NN_ISA_generic ? 2.5 : 1) / (double)net->kernels->lanes;
    double rows = (double)n_rows;
    double us =
        rows * slow * (net->flops / FLOPS_PER_US + net->elements / ELEMENTS_PER_US);
    if (training) return 3 * us + slow * (double)net->n_params / PARAMS_PER_US;
    double bytes = (double)net->n_params * sizeof(real);
    return bytes > KEPT_BYTES ? us + bytes / BYTES_PER_US : us;
}

/* The same for a team of n: what it shares out, and what a team costs. */
static double team_microseconds(const struct net *net, double alone, size_t n_rows,
                                int training, unsigned n)
{
    if (!training) return alone / n + TEAM_START_US;
    double columns = (double)net->base.n_in + 2 * net->elements;
    double shared = net->base.is_tiny
                        ? (double)(1 + chains(n_rows)) * (double)net->n_params
                        : 2 * (double)net->n_params + (double)n_rows * columns;
    return alone / n + TEAM_STEP_US +
           shared * sizeof(real) * (n - 1) / n / SHARED_BYTES_PER_US;
}

/* Threads for steps of n_rows rows: the fastest team, of at most the threads allowed;
   one where a team would not be clearly faster. In tiny.c they share chains of rows. */
static unsigned team_for(const struct net *net, size_t n_rows, int training,
                         unsigned wish)
{
    if (net->forced_threads) return net->forced_threads;
    double alone = microseconds(&net->base, n_rows, training);
    if (alone < 2 * TEAM_STEP_US) return 1;
    double least = TEAM_GAIN * alone;
    unsigned limit = nn_thread_limit(wish), best = 1;
    if (training && net->base.is_tiny)
        limit = (unsigned)min_size(limit, chains(n_rows));
    for (unsigned n = 2; n <= limit; n++) {
        double us = team_microseconds(net, alone, n_rows, training, n);
        if (us < least) best = n, least = us;
    }
    return best;
}

/* Trials: machines differ by a factor of four in what a line costs that one thread
   writes and another reads, so that for short steps the clock decides between the team
   and one thread. Only calls of many steps tell, as a team that sleeps starts slowly;
   one such call in TRIAL_CALLS goes to the slower, as a machine's load changes. */
#define TRIED_STEP_US 1e3
#define TRIAL_STEPS 8
#define TRIAL_US 2e3
#define TRIAL_MEMORY_US 1e4
#define TRIAL_CALLS 64

/* Whether the team is to train with steps of n_rows rows, rather than one thread. */
static int prefers_team(struct net *net, size_t n_rows, unsigned team)
{
    struct trial *trial = &net->trial;
    if (trial->rows != n_rows || trial->team != team)
        *trial = (struct trial){.rows = n_rows, .team = team};
    if (trial->us[1] < TRIAL_US) return 1;
    if (trial->us[0] < TRIAL_US) return 0;
    int is_faster = trial->us[1] * trial->steps[0] < trial->us[0] * trial->steps[1];
    return is_faster == (++trial->calls % TRIAL_CALLS != 0);
}

/* What a call took; what came before counts for little beside a long one. */
static void note_trial(struct net *net, int by_team, double us, size_t steps)
{
    struct trial *trial = &net->trial;
    if (steps < TRIAL_STEPS) return;
    if (trial->us[by_team] > TRIAL_MEMORY_US) {
        trial->steps[by_team] *= TRIAL_MEMORY_US / trial->us[by_team];
        trial->us[by_team] = TRIAL_MEMORY_US;
    }
    trial->us[by_team] += us;
    trial->steps[by_team] += (double)steps;
}
