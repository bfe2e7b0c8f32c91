// SPDX-License-Identifier: Apache-2.0
#include "vm/guest/steps.h"

#include "vm/guest/fill.h"
#include "vm/guest/report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char kDisk[] = "/dev/vda";

static int load_module(const char* path) {
  int const fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int const error = syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST ? 0 : errno;
  close(fd);
  return error;
}

int load_modules(const char* list, const char** failed) {
  static char path[512];
  FILE* const lines = fopen(list, "re");
  *failed = list;
  if (lines == NULL) return errno;
  int error = 0;
  while (error == 0 && fgets(path, sizeof path, lines) != NULL) {
    path[strcspn(path, "\n")] = '\0';
    int const optional = path[0] == '?';
    error = load_module(path + optional);
    if (error != 0) *failed = path;
    // A checksum accelerator, say, for a CPU that this guest does not have.
    if (optional) error = 0;
  }
  fclose(lines);
  return error;
}

void set_clock(long long time_ns) {
  struct timespec const now = {time_ns / 1000000000, time_ns % 1000000000};
  if (time_ns > 0) clock_settime(CLOCK_REALTIME, &now);
}

int reseed(const unsigned char* bytes, size_t size) {
  struct {
    struct rand_pool_info head;
    unsigned char bytes[MAX_SEED];
  } pool = {{(int)size * 8, (int)size}, {0}};
  if (size == 0) return 0;
  memcpy(pool.bytes, bytes, size);
  int const fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int failed = ioctl(fd, RNDADDENTROPY, &pool);
  // A generator that is ready mixes new entropy in minutes later: guests made from one snapshot would draw
  // the same UUIDs until then.
  if (failed == 0) failed = ioctl(fd, RNDRESEEDCRNG);
  close(fd);
  return failed;
}

int wait_for_disk(const char* disk, long long size) {
  for (long const give_up = uptime_ms() + 10000; uptime_ms() < give_up; usleep(1000)) {
    int const fd = open(disk, O_RDONLY | O_CLOEXEC);
    unsigned long long bytes = 0;
    if (fd < 0) continue;
    int const known = ioctl(fd, BLKGETSIZE64, &bytes);
    close(fd);
    if (known == 0 && bytes == (unsigned long long)size) return 0;
  }
  errno = ETIMEDOUT;
  return -1;
}

int flush_disk(void) {
  int const fd = open(kDisk, O_RDWR | O_CLOEXEC);
  if (fd < 0) return -1;
  int const failed = fsync(fd);
  close(fd);
  return failed;
}

int run_formatter(const struct job* job) {
  long const start = uptime_ms();
  pid_t const pid = fork();
  if (pid < 0) return report_failure("fork", errno, 0);
  if (pid == 0) {
    execve(job->arguments[0], job->arguments, job->environment);
    printf("templatefs-init: run %s: %s\n", job->arguments[0], strerror(errno));
    fflush(stdout);
    _exit(127);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return report_failure("wait", errno, 0);
  if (status != 0) return report_failure("format", 0, status);
  report("{\"event\":\"formatted\",\"ms\":%ld}", uptime_ms() - start);
  return 0;
}

// This kernel, or this guest, cannot try what was made: no fault of it.
static int report_untried(int error) {
  report("{\"event\":\"mount-failed\",\"errno\":%d}", error);
  return 0;
}

static int trial_swap(const struct job* job) {
  long const start = uptime_ms();
  struct sysinfo memory;
  // The kernel keeps a byte for each page of it: in too little memory it would kill PID 1 for them, and
  // panic.
  if (sysinfo(&memory) != 0) return report_failure("memory", errno, 0);
  if ((unsigned long long)job->size / 4096 > (unsigned long long)memory.freeram * memory.mem_unit / 2)
    return report_untried(ENOMEM);
  if (swapon(kDisk, 0) != 0)
    return errno == ENOSYS ? report_untried(errno) : report_failure("swapon", errno, 0);
  if (swapoff(kDisk) != 0) return report_failure("swapoff", errno, 0);
  report("{\"event\":\"mounted\",\"ms\":%ld}", uptime_ms() - start);
  return 0;
}

int trial_mount(const struct job* job) {
  if (strcmp(job->mount_type, "swap") == 0) return trial_swap(job);
  long const start = uptime_ms();
  int const filling = job->unpack_count > 0;
  mkdir("/mnt", 0755);
  if (mount(kDisk, "/mnt", job->mount_type, 0, job->mount_options) != 0)
    return errno == ENODEV ? report_untried(errno) : report_failure("mount", errno, 0);
  if (filling) {
    report("{\"event\":\"mounted\",\"ms\":%ld}", uptime_ms() - start);
    if (fill(job, "/mnt") != 0) return -1;
  }
  if (umount("/mnt") != 0) return report_failure("unmount", errno, 0);
  if (!filling) report("{\"event\":\"mounted\",\"ms\":%ld}", uptime_ms() - start);
  return 0;
}
