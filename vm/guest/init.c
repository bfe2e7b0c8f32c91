// SPDX-License-Identifier: Apache-2.0
// PID 1 of the template guest. It depends on nothing but the kernel: loads modules, says "ready" on the
// report port and then waits for a job, so that a guest at that point serves any build of its filesystem (it
// may be a snapshot). The job is `key value` lines that end in `run`; the answers are one JSON object a line.
// The host kills the guest after "done" or "failed": both are sent only when the disk holds all that was
// written.
#include "vm/guest/job.h"
#include "vm/guest/report.h"
#include "vm/guest/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static void end_guest(void) {
  // QEMU runs with -no-reboot: a restart is the one way out of a guest that works without ACPI's help.
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

static void mount_pseudo_filesystems(void) {
  static const char* const wanted[][2] = {{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}};
  for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; ++i) {
    mkdir(wanted[i][1], 0755);
    if (mount(wanted[i][0], wanted[i][1], wanted[i][0], 0, NULL) != 0 && errno != EBUSY)
      printf("templatefs-init: mount %s: %s\n", wanted[i][1], strerror(errno));
  }
}

static void report_ready(void) {
  struct utsname name;
  uname(&name);
  report("{\"event\":\"ready\",\"protocol\":%d,\"kernel\":\"%s\",\"ms\":%ld}", PROTOCOL, name.release,
         uptime_ms());
}

static int run_job(const struct job* job) {
  set_clock(job->time_ns);
  if (reseed(job->seed, job->seed_size) != 0) return report_failure("seed", errno, 0);
  if (wait_for_disk(kDisk, job->size) != 0) return report_failure("disk", errno, 0);
  report("{\"event\":\"started\",\"ms\":%ld}", uptime_ms());
  if (job->argument_count > 0 && run_formatter(job) != 0) return -1;
  if (job->mount_type[0] != '\0' && trial_mount(job) != 0) return -1;
  if (flush_disk() != 0) return report_failure("sync", errno, 0);
  report("{\"event\":\"done\",\"ms\":%ld}", uptime_ms());
  return 0;
}

int main(void) {
  static struct job job;
  // The initramfs holds /dev/console, so that even a failure to mount anything is seen.
  setvbuf(stdout, NULL, _IOLBF, 0);
  mount_pseudo_filesystems();
  const char* failed_module = NULL;
  int const module_error = load_modules("/modules.list", &failed_module);
  if (open_report_port() != 0) {
    printf("templatefs-init: the report port did not appear: %s\n", strerror(errno));
    end_guest();
  }
  if (module_error != 0) {
    printf("templatefs-init: load %s: %s\n", failed_module, strerror(module_error));
    report_failure("modules", module_error, 0);
    end_guest();
  }
  report_ready();
  if (read_job(&job) != 0)
    report_failure("job", errno, 0);
  else
    run_job(&job);
  end_guest();
}
