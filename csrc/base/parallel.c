/* parallel.c: the only file that knows OpenMP, threads, fork and floating-point modes.

   One region runs a whole chunk of work; inside it the threads meet at a barrier of our
   own. Compiled without OpenMP, every team has one member.

   (a) Fork. GNU libgomp keeps a thread's pool of workers in that thread's storage.
   After fork() the surviving thread still points to workers that do not exist in the
   child, and its next region would wait for them for ever. Threads created in the child
   have no such past. So the survivor hands its regions to one helper thread, started
   when first needed, whose pool is fresh. Nothing is done before a fork, and other
   users of the same OpenMP runtime are left alone: its pool may be stale through their
   regions as well as ours, which is why every forked process counts, also one that
   forked before this library was loaded.

   (b) Floating point. Pool threads keep the modes they were born with, and a caller may
   have set FTZ; results must depend on neither. Each thread sets the default modes
   before the work and puts its own back after it.

   (c) errno is restored, since futex and the file reads below change it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/parallel.h"
#include "nncore.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* ---- Floating-point modes ------------------------------------------------------ */

#if defined(__SSE__)

#include <xmmintrin.h>

/* Round to nearest, subnormals kept, all exceptions masked; sticky flags stay. */
nn_float_modes nn_enter_float(void)
{
    const unsigned flags = 0x3f, plain = 0x1f80;
    unsigned found = _mm_getcsr();
    if ((found & ~flags) != plain) _mm_setcsr(plain | (found & flags));
    return (nn_float_modes){.control = found};
}

void nn_leave_float(nn_float_modes found)
{
    if (_mm_getcsr() != found.control) _mm_setcsr((unsigned)found.control);
}

#elif defined(__aarch64__)

nn_float_modes nn_enter_float(void)
{
    nn_float_modes found;
    __asm__ volatile("mrs %0, fpcr" : "=r"(found.control));
    __asm__ volatile("mrs %0, fpsr" : "=r"(found.status));
    if (found.control != 0) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return found;
}

void nn_leave_float(nn_float_modes found)
{
    if (found.control != 0) __asm__ volatile("msr fpcr, %0" : : "r"(found.control));
    __asm__ volatile("msr fpsr, %0" : : "r"(found.status));
}

#else

nn_float_modes nn_enter_float(void) { return (nn_float_modes){0}; }
void nn_leave_float(nn_float_modes found) { (void)found; }

#endif

/* ---- Forks, the clock, pauses -------------------------------------------------- */

static atomic_uint forks;

static void count_fork(void) { atomic_fetch_add(&forks, 1); }

__attribute__((constructor)) static void count_forks(void)
{
    int error = errno;
    pthread_atfork(NULL, NULL, count_fork);
    errno = error;
}

unsigned nn_forks(void) { return atomic_load_explicit(&forks, memory_order_relaxed); }

static long long us_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

long long nn_clock(void) { return us_of(CLOCK_MONOTONIC); }

void nn_pause(void)
{
    int error = errno;
    nanosleep(&(struct timespec){0, 50000}, NULL);
    errno = error;
}

/* ---- A team of one ------------------------------------------------------------- */

static unsigned run_alone(nn_team_fn *fn, void *context)
{
    const struct nn_team team = {0, 1, NULL};
    nn_float_modes modes = nn_enter_float();
    fn(context, &team);
    nn_leave_float(modes);
    return 1;
}

/* A positive integer in the environment; 0 if unset or anything else. */
static unsigned positive_setting(const char *name)
{
    const char *text = getenv(name);
    unsigned value = 0;
    if (!text) return 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
            return 0;
    }
    return *text ? 0 : value;
}

unsigned nn_forced_threads(void)
{
    const unsigned most = 1024; // OpenMP ends the process if a thread is not to be had
    unsigned n = positive_setting("NNCORE_FORCE_THREADS");
    return n < most ? n : most;
}

unsigned nn_get_num_threads(void) { return nn_thread_limit(0); }

#ifndef _OPENMP

void nn_set_num_threads(unsigned n) { (void)n; }
int nn_has_openmp(void) { return 0; }
void nn_barrier_wait(const struct nn_team *team) { (void)team; }

unsigned nn_thread_limit(unsigned wish)
{
    (void)wish;
    return 1;
}

void nn_get_thread_limits(nn_thread_limits *limits)
{
    *limits = (nn_thread_limits){0, 1, 0, 0};
}

unsigned nn_parallel(unsigned n, nn_team_fn *fn, void *context)
{
    (void)n;
    return run_alone(fn, context);
}

unsigned nn_parallel_brief(unsigned n, nn_team_fn *fn, void *context, double alone)
{
    (void)n, (void)alone;
    return run_alone(fn, context);
}

unsigned nn_parallel_steps(unsigned n, nn_team_fn *fn, void *context, double step)
{
    (void)n, (void)step;
    return run_alone(fn, context);
}

#else

#include <fcntl.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* ---- How many threads ---------------------------------------------------------- */

static unsigned smaller(unsigned a, unsigned b) { return a < b ? a : b; }

#ifdef __linux__

/* The beginning of a file as a string, without its last newline; 0 if unreadable. */
static int read_text(char *text, size_t size, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    size_t used = 0;
    ssize_t got;
    while (used < size - 1 && (got = read(fd, text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    close(fd);
    if (used > 0 && text[used - 1] == '\n') used--;
    text[used] = '\0';
    return used > 0;
}

/* ceil(quota / period) CPUs; UINT_MAX without a quota. */
static unsigned whole_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return UINT_MAX;
    long long cpus = (quota - 1) / period + 1;
    return cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

/* The quota of one cgroup folder, of version 2 or 1. */
static unsigned folder_quota(const char *folder, int version)
{
    char path[1200], text[64];
    long long quota = -1, period = -1;
    if (version == 2) {
        snprintf(path, sizeof path, "%s/cpu.max", folder);
        // "max 100000" matches nothing, which means: no quota.
        if (!read_text(text, sizeof text, path) ||
            sscanf(text, "%lld %lld", &quota, &period) != 2)
            return UINT_MAX;
        return whole_cpus(quota, period);
    }
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_text(text, sizeof text, path)) return UINT_MAX;
    quota = strtoll(text, NULL, 10);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!read_text(text, sizeof text, path)) return UINT_MAX;
    period = strtoll(text, NULL, 10);
    return whole_cpus(quota, period);
}

/* The smallest quota from mount/cgroup up to mount. In a container the cgroup's name
   may be the host's and exist under no folder here; mount is then its own cgroup. */
static unsigned smallest_quota(const char *mount, const char *cgroup, int version)
{
    char folder[1100];
    int length = snprintf(folder, sizeof folder, "%s%s", mount, cgroup);
    if (length < 0 || (size_t)length >= sizeof folder)
        snprintf(folder, sizeof folder, "%s", mount);
    unsigned limit = UINT_MAX;
    for (;;) {
        limit = smaller(limit, folder_quota(folder, version));
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < strlen(mount)) return limit;
        *slash = '\0';
    }
}

static int lists_cpu(const char *controllers)
{
    for (const char *word = controllers; word; word = strchr(word, ',')) {
        word += *word == ',';
        if (strncmp(word, "cpu", 3) == 0 && (word[3] == ',' || word[3] == '\0'))
            return 1;
    }
    return 0;
}

/* Lines of /proc/self/cgroup are id:controllers:/name; version 2's is 0::/name. */
static unsigned read_quota(void)
{
    char text[4096], mount[256];
    unsigned limit = UINT_MAX;
    if (!read_text(text, sizeof text, "/proc/self/cgroup")) return limit;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *name = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!name || name[1] != '/') continue;
        *name++ = '\0';
        controllers++;
        if (!strcmp(name, "/")) name = "";
        if (!*controllers) {
            limit = smaller(limit, smallest_quota("/sys/fs/cgroup", name, 2));
            limit = smaller(limit, smallest_quota("/sys/fs/cgroup/unified", name, 2));
        } else if (lists_cpu(controllers)) {
            snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", controllers);
            limit = smaller(limit, smallest_quota(mount, name, 1));
            if (strcmp(controllers, "cpu") != 0)
                limit = smaller(limit, smallest_quota("/sys/fs/cgroup/cpu", name, 1));
        }
    }
    return limit;
}

/* The cgroups' quota, read anew when the last answer is a second old. */
static unsigned quota_cpus(void)
{
    static atomic_llong read_at; // milliseconds; 0: never
    static atomic_uint answer;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    long long ms = 1 + (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    long long last = atomic_load_explicit(&read_at, memory_order_acquire);
    if (last == 0 || ms - last >= 1000) {
        atomic_store_explicit(&answer, read_quota(), memory_order_relaxed);
        atomic_store_explicit(&read_at, ms, memory_order_release);
    }
    return atomic_load_explicit(&answer, memory_order_relaxed);
}

#else

static unsigned quota_cpus(void) { return UINT_MAX; }

#endif

/* CPUs that the calling thread may use. */
static _Thread_local unsigned cpus_seen;
static unsigned count_cpus(void) { return cpus_seen = (unsigned)omp_get_num_procs(); }

static atomic_uint process_wish; // of nn_set_num_threads; 0: none

static unsigned environment_wish;

static void read_environment(void)
{
    environment_wish = positive_setting("NNCORE_NUM_THREADS");
}

void nn_set_num_threads(unsigned n) { atomic_store(&process_wish, n); }

int nn_has_openmp(void) { return 1; }

unsigned nn_thread_limit(unsigned wish)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    unsigned limit = wish ? wish : atomic_load(&process_wish);
    if (!limit) limit = environment_wish ? environment_wish : UINT_MAX;
    limit = smaller(limit, (unsigned)omp_get_max_threads());
    limit = smaller(limit, (unsigned)omp_get_thread_limit());
    int error = errno;
    // The affinity mask; but where OpenMP has bound this thread to one CPU itself, the
    // mask that it found at the start.
    if (limit > 1) limit = smaller(limit, count_cpus());
    if (limit > 1) limit = smaller(limit, quota_cpus());
    errno = error;
    return limit > 1 ? limit : 1;
}

void nn_get_thread_limits(nn_thread_limits *limits)
{
    nn_get_num_threads(); // reads the environment
    unsigned wish = atomic_load(&process_wish);
    int error = errno;
    unsigned quota = quota_cpus();
    *limits = (nn_thread_limits){
        .user = wish ? wish : environment_wish,
        .openmp =
            smaller((unsigned)omp_get_max_threads(), (unsigned)omp_get_thread_limit()),
        .cpus = count_cpus(),
        .quota = quota == UINT_MAX ? 0 : quota,
    };
    errno = error;
}

/* ---- The barrier --------------------------------------------------------------- */

/* Pauses before a waiter sleeps: 40 us or more, about what waking it costs. There is no
   sched_yield between: on a busy machine it gives away whole time slices, so that a
   barrier costs a millisecond instead of some 40 us. */
#define SPINS 4000

/* One word, so that arriving and looking cost one cache line: twice the number of
   arrivals, plus 1 if somebody sleeps. A round ends at the next multiple of the team's
   size. A sleeper sets the bit while its round is open, so the last to arrive finds it.
   That thread clears it and wakes all; until it arrives again the next round stays
   open, and whoever began to sleep in between wakes, looks, and sets the bit anew. */
struct nn_barrier {
    _Alignas(64) _Atomic uint64_t word;
    _Alignas(64) unsigned cpus; // a larger team does not spin
};

static inline void spin_pause(void)
{
#if defined(__SSE__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#ifdef __linux__

/* The half of the word that changes; a futex is 32 bits. */
static uint32_t *low_half(struct nn_barrier *barrier)
{
    return (uint32_t *)&barrier->word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static void sleep_while(struct nn_barrier *barrier, uint64_t word)
{
    syscall(SYS_futex, low_half(barrier), FUTEX_WAIT_PRIVATE, (uint32_t)word, NULL);
}

static void wake_all(struct nn_barrier *barrier)
{
    syscall(SYS_futex, low_half(barrier), FUTEX_WAKE_PRIVATE, INT_MAX);
}

#else

static void sleep_while(struct nn_barrier *barrier, uint64_t word)
{
    (void)barrier, (void)word;
    nanosleep(&(struct timespec){0, 50000}, NULL);
}

static void wake_all(struct nn_barrier *barrier) { (void)barrier; }

#endif

static inline uint64_t look(struct nn_barrier *barrier)
{
    return atomic_load_explicit(&barrier->word, memory_order_acquire);
}

static void wait_long(struct nn_barrier *barrier, uint64_t end)
{
    uint64_t word = look(barrier);
    while (word < end) {
        if ((word & 1) || atomic_compare_exchange_strong_explicit(
                              &barrier->word, &word, word | 1, memory_order_acquire,
                              memory_order_acquire))
            sleep_while(barrier, word | 1);
        word = look(barrier);
    }
}

void nn_barrier_wait(const struct nn_team *team)
{
    if (team->size == 1) return;
    struct nn_barrier *barrier = team->barrier;
    uint64_t before =
        atomic_fetch_add_explicit(&barrier->word, 2, memory_order_acq_rel);
    uint64_t round = before / 2 / team->size, end = 2 * team->size * (round + 1);
    if ((before | 1) == end - 1) {
        if (before & 1) {
            atomic_fetch_and_explicit(&barrier->word, ~UINT64_C(1),
                                      memory_order_relaxed);
            wake_all(barrier);
        }
        return;
    }
    if (team->size <= barrier->cpus) {
        for (int i = 0; i < SPINS; i++) {
            if (look(barrier) >= end) return;
            spin_pause();
        }
    }
    wait_long(barrier, end);
}

/* ---- One region ---------------------------------------------------------------- */

struct region {
    nn_team_fn *fn;
    void *context;
    unsigned wanted, size; // threads asked for; threads that came
    atomic_uint seen;      // carries the caller's writes to the team and back
    int is_timed;
    long long worked; // microseconds of CPU that rank 0 had, if timed
    struct nn_barrier barrier;
};

static void run_member(struct region *region, unsigned rank, unsigned size)
{
    const struct nn_team team = {rank, size, &region->barrier};
    // OpenMP orders these accesses already, but ThreadSanitizer cannot see into it.
    atomic_load_explicit(&region->seen, memory_order_acquire);
    int is_timed = rank == 0 && region->is_timed;
    if (is_timed) region->worked = -us_of(CLOCK_THREAD_CPUTIME_ID);
    nn_float_modes modes = nn_enter_float();
    region->fn(region->context, &team);
    nn_leave_float(modes);
    if (is_timed) region->worked += us_of(CLOCK_THREAD_CPUTIME_ID);
    if (rank == 0) region->size = size;
    atomic_fetch_add_explicit(&region->seen, 1, memory_order_acq_rel);
}

// How OpenMP hands `region` to the team is what ThreadSanitizer cannot understand.
__attribute__((no_sanitize_thread)) static void open_region(struct region *region)
{
#pragma omp parallel num_threads((int)region->wanted)
    run_member(region, (unsigned)omp_get_thread_num(), (unsigned)omp_get_num_threads());
}

/* ---- After a fork: design note (a) --------------------------------------------- */

static atomic_int forked;  // this process is a fork's child
#ifndef __linux__
static pthread_t survivor; // its first thread, the only one with a past
#endif

/* The survivor's stand-in. Only the survivor gives it work, so one slot is enough. */
static struct helper {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int runs;
    struct region *region; // at work or waiting to be; NULL: done
} helper = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};

static void *serve(void *unused)
{
    pthread_mutex_lock(&helper.mutex);
    for (;;) {
        while (!helper.region)
            pthread_cond_wait(&helper.changed, &helper.mutex);
        struct region *region = helper.region;
        pthread_mutex_unlock(&helper.mutex);
        open_region(region);
        pthread_mutex_lock(&helper.mutex);
        helper.region = NULL;
        pthread_cond_broadcast(&helper.changed);
    }
    return unused;
}

/* The helper and, through it, its workers take no signals: handlers stay where the
   program expects them. */
static int start_helper(void)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed) pthread_detach(thread);
    return !failed;
}

/* 0 if no thread is to be had. */
static int run_on_helper(struct region *region)
{
    if (!helper.runs && !(helper.runs = start_helper())) return 0;
    pthread_mutex_lock(&helper.mutex);
    helper.region = region;
    pthread_cond_broadcast(&helper.changed);
    while (helper.region)
        pthread_cond_wait(&helper.changed, &helper.mutex);
    pthread_mutex_unlock(&helper.mutex);
    return 1;
}

/* Whether this is the child's first thread, whoever loaded this library there. */
static int is_survivor(void)
{
#ifdef __linux__
    return syscall(SYS_gettid) == getpid();
#else
    return pthread_equal(survivor, pthread_self());
#endif
}

/* In the child of a fork, whose parent may itself be such a child with a helper at
   work: that thread is gone and may have held the mutex. */
static void mark_child(void)
{
    helper =
        (struct helper){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};
#ifndef __linux__
    survivor = pthread_self();
#endif
    atomic_store(&forked, 1);
}

/* Whether this process is a fork that called no exec: PF_FORKNOEXEC in the flags, the
   seventh field after the name. */
static int was_forked(void)
{
#ifdef __linux__
    char text[1024];
    unsigned flags = 0;
    if (!read_text(text, sizeof text, "/proc/self/stat")) return 0;
    const char *name_end = strrchr(text, ')');
    if (name_end && sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1)
        return (flags & 0x40) != 0;
#endif
    return 0;
}

__attribute__((constructor)) static void watch_forks(void)
{
    int error = errno;
    if (was_forked()) mark_child();
    pthread_atfork(NULL, NULL, mark_child);
    errno = error;
}

/* ---- The primitive ------------------------------------------------------------- */

static unsigned run_region(struct region *region)
{
    int error = errno;
    // Asking costs as much as a barrier, and nn_thread_limit has just done so.
    region->barrier.cpus = region->wanted <= cpus_seen ? cpus_seen : count_cpus();
    atomic_store_explicit(&region->seen, 0, memory_order_release);
    int has_past = atomic_load(&forked) && is_survivor();
    if (!has_past)
        open_region(region);
    else if (!run_on_helper(region))
        region->size = run_alone(region->fn, region->context);
    atomic_load_explicit(&region->seen, memory_order_acquire);
    errno = error;
    return region->size;
}

unsigned nn_parallel(unsigned n, nn_team_fn *fn, void *context)
{
    if (n <= 1) return run_alone(fn, context);
    struct region region = {.fn = fn, .context = context, .wanted = n};
    return run_region(&region);
}

/* Microseconds: what is brief, less than a time slice; what only a lost CPU explains
   beyond twice the time alone; for a team in steps: in all. */
#define BRIEF_US 2000
#define LATE_US 300
#define TELLING_US 4000

/* Work of one kind that is done alone for a while where the machine is too busy for
   teams: at first for as long as `first`, then twice as long each time. */
struct rest {
    const long long first;
    atomic_llong until, length;
};
#define LONGEST_REST_US 1000000

static int rests(struct rest *rest, long long now)
{
    return now < atomic_load_explicit(&rest->until, memory_order_relaxed);
}

/* A team that began and ended then was late. */
static void begin_rest(struct rest *rest, long long began, long long ended)
{
    long long until = atomic_load_explicit(&rest->until, memory_order_relaxed);
    // Late again soon after the last rest: the machine is busy, not just now.
    long long next = 2 * atomic_load_explicit(&rest->length, memory_order_relaxed);
    if (2 * (began - until) > next) next = rest->first;
    if (next > LONGEST_REST_US) next = LONGEST_REST_US;
    atomic_store_explicit(&rest->length, next, memory_order_relaxed);
    atomic_store_explicit(&rest->until, ended + next, memory_order_relaxed);
}

unsigned nn_parallel_brief(unsigned n, nn_team_fn *fn, void *context, double alone)
{
    static struct rest rest = {.first = 20000};
    if (n <= 1 || alone > BRIEF_US) return nn_parallel(n, fn, context);
    long long began = nn_clock();
    if (rests(&rest, began)) return run_alone(fn, context);
    n = nn_parallel(n, fn, context);
    long long ended = nn_clock();
    if ((double)(ended - began) > 2 * alone + LATE_US) begin_rest(&rest, began, ended);
    return n;
}

unsigned nn_parallel_steps(unsigned n, nn_team_fn *fn, void *context, double step)
{
    static struct rest rest = {.first = 100000};
    if (n <= 1 || step > BRIEF_US) return nn_parallel(n, fn, context);
    long long began = nn_clock();
    if (rests(&rest, began)) return run_alone(fn, context);
    struct region region = {.fn = fn, .context = context, .wanted = n, .is_timed = 1};
    n = run_region(&region);
    long long ended = nn_clock(), waited = ended - began - region.worked;
    // Spinning is work: only who lost its CPU, or waited long for one who did, waited.
    if (waited > TELLING_US && 3 * waited > region.worked)
        begin_rest(&rest, began, ended);
    return n;
}

#endif
