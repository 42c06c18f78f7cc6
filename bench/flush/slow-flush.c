/*
 * Makes every flush slow: delays fdatasync, fsync and msync(MS_SYNC) by FLUSH_US microseconds, then does what was asked.
 * Preloaded (LD_PRELOAD) into ours and into the servers of the peers, it turns this machine's disk into one of the many
 * whose flush costs milliseconds. A statically linked program is not reached by it. Where FLUSH_COUNTS names a file, it
 * holds four 64-bit numbers: how many flushes the main thread made and how many microseconds it stood in them, and the
 * same for the other threads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t *counts;

__attribute__((constructor)) static void open_counts(void) {
  const char *path = getenv("FLUSH_COUNTS");
  if (!path) return;
  int fd = open(path, O_RDWR);
  if (fd < 0) return;
  void *at = mmap(NULL, 4 * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED) counts = at;
}

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void count(uint64_t began_us) {
  if (!counts) return;
  uint64_t *mine = counts + (syscall(SYS_gettid) == getpid() ? 0 : 2);
  __atomic_fetch_add(&mine[0], 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&mine[1], now_us() - began_us, __ATOMIC_RELAXED);
}

static void wait_for_the_disk(void) {
  const char *text = getenv("FLUSH_US");
  long us = text ? atol(text) : 0;
  if (us <= 0) return;
  struct timespec left = {us / 1000000, (us % 1000000) * 1000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  uint64_t began_us = now_us();
  wait_for_the_disk();
  int done = real(fd);
  count(began_us);
  return done;
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  uint64_t began_us = now_us();
  wait_for_the_disk();
  int done = real(fd);
  count(began_us);
  return done;
}

int msync(void *start, size_t length, int flags) {
  static int (*real)(void *, size_t, int);
  if (!real) real = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
  if (flags & MS_SYNC) wait_for_the_disk();
  return real(start, length, flags);
}
