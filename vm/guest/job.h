// SPDX-License-Identifier: Apache-2.0
#ifndef TEMPLATEFS_VM_GUEST_JOB_H
#define TEMPLATEFS_VM_GUEST_JOB_H

#include <stddef.h>

enum { PROTOCOL = 2, MAX_ARGUMENTS = 128, MAX_ENVIRONMENT = 16, MAX_JOB_BYTES = 1 << 16, MAX_SEED = 64 };

// One build, as the host asked for it. The strings live in `text`.
struct job {
  char text[MAX_JOB_BYTES];
  long long time_ns;             // `time`: since the epoch; a snapshot's own clock stood still
  unsigned char seed[MAX_SEED];  // `seed`: hex, credited as entropy
  size_t seed_size;
  long long size;                      // `size`: bytes the disk must have
  char* arguments[MAX_ARGUMENTS + 1];  // `argument`: the formatter's argv, one line each; [0] is its path
  int argument_count;
  char* environment[MAX_ENVIRONMENT + 1];  // `environment`: NAME=value, one line each
  int environment_count;
  const char* mount_type;     // `type`: empty for no trial mount, "swap" to swap on it
  const char* mount_options;  // `options`
  // What the filesystem is filled from, on a second disk. `unpack` is an argv that reads a tar from that
  // disk, or from the stdout of `pack`, which reads the filesystem of type `seed_type` that is on it.
  long long seed_disk;  // `seed-disk`: bytes it must have
  const char* seed_type;
  char* pack[MAX_ARGUMENTS + 1];
  int pack_count;
  char* unpack[MAX_ARGUMENTS + 1];
  int unpack_count;
};

// Reads lines from the report port up to `run`. 0, or -1 with errno (EPROTO for an unknown or bad line).
int read_job(struct job* job);

#endif
