// SPDX-License-Identifier: Apache-2.0
#include "vm/guest/fill.h"

#include "vm/guest/report.h"
#include "vm/guest/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char kSeedDisk[] = "/dev/vdb";
static const char kSeedMount[] = "/seed";

// What was complained of: nothing, something, or a full disk.
enum complaint { NONE, SOME, FULL };

static pid_t start(char* const* arguments, char* const* environment, int in, int out, int err) {
  pid_t const pid = fork();
  if (pid != 0) return pid;
  if (in >= 0) dup2(in, STDIN_FILENO);
  if (out >= 0) dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execve(arguments[0], arguments, environment);
  dprintf(STDERR_FILENO, "templatefs-init: run %s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

static enum complaint judge(const char* line) {
  static const char full[] = "No space left on device";
  size_t const length = strlen(line);
  // A leading slash or ".." of a name or a link is taken off: then it is inside.
  if (length == 0 || strstr(line, ": Removing leading `") != NULL) return NONE;
  if (length >= strlen(full) && strcmp(line + length - strlen(full), full) == 0) return FULL;
  return SOME;
}

// Copies lines to the console until all writers are gone, or up to the first word of a full disk: tar would
// go on and say the same of a hundred thousand files.
static enum complaint listen_to(int pipe_end) {
  static char line[1 << 15];
  enum complaint worst = NONE;
  FILE* const lines = fdopen(pipe_end, "r");
  if (lines == NULL) return SOME;
  while (worst != FULL && fgets(line, sizeof line, lines) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    printf("%s\n", line);
    enum complaint const found = judge(line);
    if (found > worst) worst = found;
  }
  fclose(lines);
  return worst;
}

static int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

static int close_pair(int pair[2], int result) {
  if (pair[0] >= 0) close(pair[0]);
  if (pair[1] >= 0) close(pair[1]);
  return result;
}

static int run_both(const struct job* job) {
  int words[2] = {-1, -1}, data[2] = {-1, -1};
  int const has_packer = job->pack_count > 0;
  if (pipe2(words, O_CLOEXEC) != 0) return report_failure("fill", errno, 0);
  if (has_packer && pipe2(data, O_CLOEXEC) != 0) return close_pair(words, report_failure("fill", errno, 0));
  pid_t const packer = has_packer ? start(job->pack, job->environment, -1, data[1], words[1]) : 0;
  pid_t const unpacker = start(job->unpack, job->environment, data[0], -1, words[1]);
  close_pair(data, 0);
  close(words[1]);
  enum complaint const worst = listen_to(words[0]);
  if (worst == FULL && unpacker > 0) kill(unpacker, SIGKILL);
  int const status = unpacker < 0 ? -1 : wait_for(unpacker);
  int const pack_status = packer < 0 ? -1 : packer > 0 ? wait_for(packer) : 0;
  if (worst == FULL) return report_failure("fill", ENOSPC, 0);
  if (status != 0 || pack_status != 0) return report_failure("fill", 0, status != 0 ? status : pack_status);
  return worst == NONE ? 0 : report_failure("fill", ENOTSUP, 0);
}

// A filesystem that kept something in memory tells here whether it got it to the disk; umount would not.
static int sync_filesystem(const char* target) {
  int const fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int const failed = fd < 0 ? -1 : syncfs(fd);
  int const error = errno;
  if (fd >= 0) close(fd);
  return failed == 0 ? 0 : report_failure("fill", error, 0);
}

int fill(const struct job* job, const char* target) {
  long const start_ms = uptime_ms();
  if (wait_for_disk(kSeedDisk, job->seed_disk) != 0) return report_failure("seed-disk", errno, 0);
  int const is_filesystem = job->seed_type[0] != '\0';
  mkdir(kSeedMount, 0755);
  if (is_filesystem && mount(kSeedDisk, kSeedMount, job->seed_type, MS_RDONLY, NULL) != 0)
    return report_failure("seed-mount", errno, 0);
  int failed = run_both(job);
  if (failed == 0) failed = sync_filesystem(target);
  if (is_filesystem && umount(kSeedMount) != 0 && failed == 0)
    failed = report_failure("seed-unmount", errno, 0);
  if (failed == 0) report("{\"event\":\"filled\",\"ms\":%ld}", uptime_ms() - start_ms);
  return failed;
}
