/* Steps the wall clock of the processes that load it (LD_PRELOAD): CLOCK_REALTIME plus the
 * nanoseconds in the first eight bytes of the file CHAOS_CLOCK_FILE. Clocks that cannot be stepped
 * stay as they are, as they do when somebody sets the clock of a machine. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000LL

static volatile int64_t *offset_ns;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("CHAOS_CLOCK_FILE");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) offset_ns = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (real_gettime == NULL)
        real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real_gettime(clock, now);
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (status != 0 || !is_wall || offset_ns == NULL) return status;
    int64_t stepped_ns = now->tv_sec * SECOND_NS + now->tv_nsec + *offset_ns;
    now->tv_sec = stepped_ns / SECOND_NS;
    now->tv_nsec = stepped_ns % SECOND_NS;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec fine;
    (void)zone;
    int status = clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return status;
}

time_t time(time_t *out) {
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    if (out != NULL) *out = fine.tv_sec;
    return fine.tv_sec;
}
