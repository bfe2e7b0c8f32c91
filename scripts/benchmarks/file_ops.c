// SPDX-License-Identifier: Apache-2.0
// Usage: file_ops ACT PROCESSES COUNT DIR PREFIX [TEMPLATE]
// Does ACT to COUNT files DIR/PREFIX-<process>-<n>.img in each of PROCESSES processes that begin at once:
//   open      open(O_RDWR) and close
//   clone     open(O_CREAT|O_EXCL), FICLONE of TEMPLATE, close
//   stat      stat
//   unlink    unlink
// Prints nanoseconds: first what all of it took, then, of a single process, what each took.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int from = -1;

static void fail(char const* what, char const* path) {
  fprintf(stderr, "file_ops: cannot %s %s: %s\n", what, path, strerror(errno));
  _exit(1);
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void open_and_close(char const* path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) fail("open", path);
  close(fd);
}

static void clone_and_close(char const* path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) fail("create", path);
  if (ioctl(fd, FICLONE, from) != 0) fail("clone into", path);
  close(fd);
}

static void look(char const* path) {
  struct stat st;
  if (stat(path, &st) != 0) fail("stat", path);
}

static void drop(char const* path) {
  if (unlink(path) != 0) fail("unlink", path);
}

typedef void (*act)(char const* path);

static act act_of(char const* name) {
  if (strcmp(name, "open") == 0) return open_and_close;
  if (strcmp(name, "clone") == 0) return clone_and_close;
  if (strcmp(name, "stat") == 0) return look;
  if (strcmp(name, "unlink") == 0) return drop;
  return NULL;
}

static void work(act todo, int process, int count, char const* dir, char const* prefix, long long* took) {
  char path[4096];
  for (int i = 0; i < count; ++i) {
    snprintf(path, sizeof path, "%s/%s-%d-%d.img", dir, prefix, process, i);
    long long begin = now();
    todo(path);
    if (took) took[i] = now() - begin;
  }
}

int main(int argc, char** argv) {
  act todo = argc >= 6 ? act_of(argv[1]) : NULL;
  if (!todo || (todo == clone_and_close && argc < 7)) {
    fprintf(stderr, "usage: file_ops open|clone|stat|unlink PROCESSES COUNT DIR PREFIX [TEMPLATE]\n");
    return 2;
  }
  int processes = atoi(argv[2]), count = atoi(argv[3]);
  if (argc > 6 && (from = open(argv[6], O_RDONLY | O_CLOEXEC)) < 0) fail("open", argv[6]);
  struct stat st;
  if (stat(argv[4], &st) != 0) fail("stat", argv[4]);  // the way there is warm
  if (processes == 1) {
    long long* took = calloc((size_t)count, sizeof *took);
    if (!took) fail("allocate", "the samples");
    long long begin = now();
    work(todo, 0, count, argv[4], argv[5], took);
    printf("%lld\n", now() - begin);
    for (int i = 0; i < count; ++i) printf("%lld\n", took[i]);
    free(took);
    return 0;
  }
  int gate[2];
  if (pipe(gate) != 0) fail("make", "a pipe");
  for (int process = 0; process < processes; ++process) {
    pid_t child = fork();
    if (child < 0) fail("fork", "a process");
    if (child > 0) continue;
    char byte;
    close(gate[1]);
    (void)!read(gate[0], &byte, 1);  // until nobody holds the other end
    work(todo, process, count, argv[4], argv[5], NULL);
    _exit(0);
  }
  close(gate[0]);
  usleep(20000 + 500 * (useconds_t)processes);  // they are all at the gate by then; if not, they begin later
  long long begin = now();
  close(gate[1]);
  int failed = 0, status;
  while (wait(&status) > 0) failed |= status;
  printf("%lld\n", now() - begin);
  return failed != 0;
}
