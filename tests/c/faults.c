/* faults.c: a library to preload that lets the n-th call of a function fail.

   It stands between a process and its C library, so that what is tested is the
   extension as people get it, without a hook of its own. tests/test_faults.py says how:

       faults_watch("_core.");               watch what this object allocates
       faults_arm("memory", 3, 0, 0);        its third allocation fails
       faults_arm("write", 3, 1, ENOSPC);    the third write fails, and all later ones

   Writing and its like fail whoever calls them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MOST 8

static struct {
    uintptr_t first, last;
} code[MOST]; // of the object watched
static size_t n_code;
static atomic_long n_calls, n_alive;

static struct {
    char what[16];
    long nth;
    int is_lasting, error;
} plan;

static int note_object(struct dl_phdr_info *info, size_t size, void *name)
{
    (void)size;
    const char *slash = strrchr(info->dlpi_name, '/');
    if (!strstr(slash ? slash : info->dlpi_name, name)) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || n_code == MOST)
            continue;
        code[n_code].first = info->dlpi_addr + part->p_vaddr;
        code[n_code++].last = info->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    return 0;
}

/* Watch the objects with this in their file's name: how many pieces of code that is. */
EXPORT size_t faults_watch(char *name)
{
    n_code = 0;
    dl_iterate_phdr(note_object, name);
    return n_code;
}

/* Blocks that they hold, if they were watched from the start. */
EXPORT long faults_alive(void) { return atomic_load(&n_alive); }

/* From now on the nth call fails, with its successors if lasting; 0: calls are counted.
 */
EXPORT void faults_arm(const char *what, long nth, int is_lasting, int error)
{
    plan.what[0] = '\0';
    atomic_store(&n_calls, 0);
    plan.nth = nth;
    plan.is_lasting = is_lasting;
    plan.error = error;
    strncpy(plan.what, what, sizeof plan.what - 1);
}

/* No call fails any more; how many there were. */
EXPORT long faults_disarm(void)
{
    plan.what[0] = '\0';
    return atomic_load(&n_calls);
}

static int fails(const char *what)
{
    if (strcmp(plan.what, what) != 0) return 0;
    long call = atomic_fetch_add(&n_calls, 1) + 1;
    if (call != plan.nth && !(plan.is_lasting && plan.nth && call > plan.nth)) return 0;
    errno = plan.error;
    return 1;
}

/* ---- Memory -------------------------------------------------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *block);

static int is_watched(void *caller)
{
    for (size_t i = 0; i < n_code; i++)
        if (code[i].first <= (uintptr_t)caller && (uintptr_t)caller < code[i].last)
            return 1;
    return 0;
}

/* The call's result, or NULL in the place of a watched one whose turn it is. */
#define ALLOCATE(call)                                                                 \
    if (!is_watched(__builtin_return_address(0))) return call;                         \
    if (fails("memory")) return NULL;                                                  \
    void *block = call;                                                                \
    atomic_fetch_add(&n_alive, block != NULL);                                         \
    return block

EXPORT void *malloc(size_t size) { ALLOCATE(__libc_malloc(size)); }
EXPORT void *calloc(size_t n, size_t size) { ALLOCATE(__libc_calloc(n, size)); }

EXPORT void *realloc(void *old, size_t size)
{
    if (is_watched(__builtin_return_address(0)) && fails("memory")) return NULL;
    return __libc_realloc(old, size);
}

EXPORT int posix_memalign(void **block, size_t align, size_t size)
{
    int watched = is_watched(__builtin_return_address(0));
    if (watched && fails("memory")) return ENOMEM;
    *block = __libc_memalign(align, size);
    if (watched) atomic_fetch_add(&n_alive, *block != NULL);
    return *block ? 0 : ENOMEM;
}

EXPORT void free(void *block)
{
    if (block && is_watched(__builtin_return_address(0))) atomic_fetch_sub(&n_alive, 1);
    __libc_free(block);
}

/* ---- Threads ------------------------------------------------------------------- */

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    if (is_watched(__builtin_return_address(0)) && fails("thread")) return EAGAIN;
    return NEXT(pthread_create)(thread, attributes, start, argument);
}

/* ---- Files --------------------------------------------------------------------- */

EXPORT ssize_t write(int fd, const void *data, size_t n)
{
    return fd > 2 && fails("write") ? -1 : NEXT(write)(fd, data, n);
}

/* The object watched reads /x from $FAULTS_ROOT/x, if that variable is set. */
EXPORT int open(const char *path, int flags, ...)
{
    const char *root = getenv("FAULTS_ROOT");
    char moved[2048];
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int reads = (flags & O_ACCMODE) == O_RDONLY;
    if (root && reads && *path == '/' && is_watched(__builtin_return_address(0))) {
        snprintf(moved, sizeof moved, "%s%s", root, path);
        path = moved;
    }
    return NEXT(open)(path, flags, mode);
}

EXPORT int fsync(int fd) { return fails("fsync") ? -1 : NEXT(fsync)(fd); }

EXPORT int fchmod(int fd, mode_t mode)
{
    return fails("fchmod") ? -1 : NEXT(fchmod)(fd, mode);
}

EXPORT int rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : NEXT(rename)(from, to);
}

EXPORT off64_t lseek64(int fd, off64_t offset, int whence)
{
    return fails("lseek") ? -1 : NEXT(lseek64)(fd, offset, whence);
}

EXPORT void *mmap64(void *at, size_t n, int rights, int flags, int fd, off64_t offset)
{
    if (fd >= 0 && fails("mmap")) return MAP_FAILED;
    return NEXT(mmap64)(at, n, rights, flags, fd, offset);
}
