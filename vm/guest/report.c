// SPDX-License-Identifier: Apache-2.0
#include "vm/guest/report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int port = -1;

long uptime_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int has_our_name(const char* device) {
  char path[300], name[64] = "";
  snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", device);
  int const fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  long const got = read(fd, name, sizeof name - 1);
  close(fd);
  return got > 0 && strcmp(name, "templatefs.report\n") == 0;
}

static int try_open_port(void) {
  DIR* const ports = opendir("/sys/class/virtio-ports");
  if (ports == NULL) return -1;
  int fd = -1;
  const struct dirent* entry;
  while (fd < 0 && (entry = readdir(ports)) != NULL) {
    if (entry->d_name[0] == '.' || !has_our_name(entry->d_name)) continue;
    char path[300];
    snprintf(path, sizeof path, "/dev/%s", entry->d_name);
    fd = open(path, O_RDWR | O_CLOEXEC);
  }
  closedir(ports);
  return fd;
}

int open_report_port(void) {
  // The driver names a port a moment after its probe returned: the name comes in a control message.
  for (long const give_up = uptime_ms() + 10000; uptime_ms() < give_up; usleep(1000))
    if ((port = try_open_port()) >= 0) return 0;
  errno = ETIMEDOUT;
  return -1;
}

void report(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int const length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  size_t left = (size_t)length < sizeof line - 1 ? (size_t)length : sizeof line - 2;
  line[left++] = '\n';
  for (const char* at = line; left > 0;) {
    long const put = write(port, at, left);
    if (put < 0 && errno != EINTR && errno != EAGAIN) return;
    if (put > 0) at += put, left -= (size_t)put;
  }
}

int report_failure(const char* step, int error, int status) {
  report("{\"event\":\"failed\",\"step\":\"%s\",\"errno\":%d,\"status\":%d}", step, error, status);
  return -1;
}

long read_report_port(char* buffer, size_t size) {
  for (;;) {
    long const got = read(port, buffer, size);
    if (got > 0) return got;
    if (got < 0 && errno != EINTR && errno != EAGAIN) return -1;
    // 0 means that the host is not connected, or not yet.
    if (got == 0) usleep(1000);
  }
}
