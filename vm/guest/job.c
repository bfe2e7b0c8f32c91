// SPDX-License-Identifier: Apache-2.0
#include "vm/guest/job.h"

#include "vm/guest/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

static int parse_seed(struct job* job, const char* hex) {
  for (; hex[0] != '\0' && job->seed_size < MAX_SEED; hex += 2) {
    int const high = hex_digit(hex[0]);
    int const low = high < 0 ? -1 : hex_digit(hex[1]);
    if (low < 0) return -1;
    job->seed[job->seed_size++] = (unsigned char)(high << 4 | low);
  }
  return hex[0] == '\0' ? 0 : -1;
}

static int take_line(struct job* job, char* line) {
  char* value = strchr(line, ' ');
  if (value == NULL) return -1;
  *value++ = '\0';
  if (strcmp(line, "time") == 0)
    job->time_ns = atoll(value);
  else if (strcmp(line, "seed") == 0)
    return parse_seed(job, value);
  else if (strcmp(line, "size") == 0)
    job->size = atoll(value);
  else if (strcmp(line, "type") == 0)
    job->mount_type = value;
  else if (strcmp(line, "options") == 0)
    job->mount_options = value;
  else if (strcmp(line, "seed-disk") == 0)
    job->seed_disk = atoll(value);
  else if (strcmp(line, "seed-type") == 0)
    job->seed_type = value;
  else if (strcmp(line, "pack") == 0 && job->pack_count < MAX_ARGUMENTS)
    job->pack[job->pack_count++] = value;
  else if (strcmp(line, "unpack") == 0 && job->unpack_count < MAX_ARGUMENTS)
    job->unpack[job->unpack_count++] = value;
  else if (strcmp(line, "argument") == 0 && job->argument_count < MAX_ARGUMENTS)
    job->arguments[job->argument_count++] = value;
  else if (strcmp(line, "environment") == 0 && job->environment_count < MAX_ENVIRONMENT)
    job->environment[job->environment_count++] = value;
  else
    return -1;
  return 0;
}

int read_job(struct job* job) {
  job->mount_type = "";
  job->mount_options = "";
  job->seed_type = "";
  size_t used = 0, line_start = 0;
  for (;;) {
    long const got = read_report_port(job->text + used, sizeof job->text - used);
    if (got < 0) return -1;
    used += (size_t)got;
    char* end;
    while ((end = memchr(job->text + line_start, '\n', used - line_start)) != NULL) {
      char* const line = job->text + line_start;
      *end = '\0';
      line_start = (size_t)(end - job->text) + 1;
      if (strcmp(line, "run") == 0) return 0;
      if (take_line(job, line) != 0) {
        errno = EPROTO;
        return -1;
      }
    }
    if (used == sizeof job->text) {
      errno = E2BIG;
      return -1;
    }
  }
}
