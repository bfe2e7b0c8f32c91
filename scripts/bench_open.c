// SPDX-License-Identifier: Apache-2.0
// Usage: bench_open COUNT MOUNT-DIR TEMPLATE SCRATCH-DIR
// Times, turn by turn, the first open() of a new image below MOUNT-DIR and a bare open(O_CREAT|O_EXCL) +
// FICLONE of TEMPLATE in SCRATCH-DIR. Both removed afterwards, outside the clock. Prints nanoseconds:
// mount-median rival-median mount-p99 rival-p99
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static void fail(char const* what, char const* path) {
  fprintf(stderr, "bench_open: cannot %s %s: %s\n", what, path, strerror(errno));
  exit(1);
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static char const* path_of(char const* dir, int i) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/open-%d.img", dir, i);
  return path;
}

static long long open_through_mount(char const* dir, int i) {
  char const* path = path_of(dir, i);
  long long begin = now();
  int fd = open(path, O_RDWR | O_CLOEXEC);
  long long took = now() - begin;
  if (fd < 0) fail("open", path);
  close(fd);
  return took;
}

static long long open_and_clone(char const* dir, int i, int from) {
  char const* path = path_of(dir, i);
  long long begin = now();
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) fail("create", path);
  if (ioctl(fd, FICLONE, from) != 0) fail("clone into", path);
  long long took = now() - begin;
  close(fd);
  return took;
}

static int compare(void const* a, void const* b) {
  long long x = *(long long const*)a, y = *(long long const*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  int count = argc == 5 ? atoi(argv[1]) : 0;
  if (count < 1) {
    fprintf(stderr, "usage: bench_open COUNT MOUNT-DIR TEMPLATE SCRATCH-DIR\n");
    return 2;
  }
  int from = open(argv[3], O_RDONLY | O_CLOEXEC);
  if (from < 0) fail("open", argv[3]);
  long long* mount = calloc(count, sizeof *mount);
  long long* rival = calloc(count, sizeof *rival);
  if (!mount || !rival) fail("allocate", "the samples");
  for (int i = 0; i < count; ++i) {
    if (i % 2) rival[i] = open_and_clone(argv[4], i, from);
    mount[i] = open_through_mount(argv[2], i);
    if (i % 2 == 0) rival[i] = open_and_clone(argv[4], i, from);
  }
  for (int i = 0; i < count; ++i) {
    if (unlink(path_of(argv[2], i)) != 0) fail("unlink", path_of(argv[2], i));
    if (unlink(path_of(argv[4], i)) != 0) fail("unlink", path_of(argv[4], i));
  }
  qsort(mount, count, sizeof *mount, compare);
  qsort(rival, count, sizeof *rival, compare);
  printf("%lld %lld %lld %lld\n", mount[count / 2], rival[count / 2], mount[(long long)count * 99 / 100],
         rival[(long long)count * 99 / 100]);
  free(mount);
  free(rival);
  close(from);
  return 0;
}
