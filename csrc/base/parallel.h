/* parallel.h: the one parallel primitive. All OpenMP, the fork policy, the thread-count
   policy and the floating-point environment live behind it, in parallel.c. */
#ifndef NN_PARALLEL_H
#define NN_PARALLEL_H

#include <stdint.h>

struct nn_barrier;

/* One thread's identity in a running team. */
struct nn_team {
    unsigned rank, size; /* rank < size */
    struct nn_barrier *barrier;
};

typedef void nn_team_fn(void *context, const struct nn_team *team);

/* Call fn(context, team) on n threads at once, the caller's among them, and return when
   all have returned: the size of the team, which may be smaller than n. n = 1 calls fn
   directly and touches no OpenMP. In each thread rounding is to nearest and subnormals
   are kept while fn runs; the thread's own floating-point state comes back after. */
unsigned nn_parallel(unsigned n, nn_team_fn *fn, void *context);

/* The same for work that takes one thread about `alone` microseconds. If that is so
   little that waiting for a member that has lost its CPU costs more than a team gains,
   and that is seen to happen, then for a while, and longer each time, it is done alone.
 */
unsigned nn_parallel_brief(unsigned n, nn_team_fn *fn, void *context, double alone);

/* The same for work in steps with barriers, of which one takes one thread about `step`
   microseconds: late is a team whose members lose their CPUs for a fourth of the time.
 */
unsigned nn_parallel_steps(unsigned n, nn_team_fn *fn, void *context, double step);

/* The same floating-point modes for the calling thread, outside a region; then back. */
typedef struct nn_float_modes {
    uint64_t control, status;
} nn_float_modes;
nn_float_modes nn_enter_float(void);
void nn_leave_float(nn_float_modes found);

/* Wait until every thread of the team has come here: spin, then sleep.
   All writes before it are visible after it. Free for a team of one. */
void nn_barrier_wait(const struct nn_team *team);

/* How many threads a call may use: the smallest of the user's number, OpenMP's limit
   for the calling thread, CPU affinity and cgroup quota, at least 1. The user's number
   is the first that is not 0 of wish, nn_set_num_threads and NNCORE_NUM_THREADS. */
unsigned nn_thread_limit(unsigned wish);

/* NNCORE_FORCE_THREADS, which bypasses that minimum and any cost model, up to 1024; 0
   if it is unset or not a positive integer. */
unsigned nn_forced_threads(void);

/* Forks between the first process that loaded this library and this one: what another
   thread held at a fork is held by nobody in the child. */
unsigned nn_forks(void);

/* Microseconds since some moment before; never backwards. */
long long nn_clock(void);

/* Sleep for a moment: for waits that are rare and last microseconds to milliseconds. */
void nn_pause(void);

#endif
