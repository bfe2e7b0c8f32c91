// SPDX-License-Identifier: Apache-2.0
#ifndef TEMPLATEFS_VM_GUEST_STEPS_H
#define TEMPLATEFS_VM_GUEST_STEPS_H

#include "vm/guest/job.h"

#include <stddef.h>

// Loads the modules that the list names in its order, one path a line, with a '?' before it where the guest
// can do without. 0, or the first errno and whose it is.
int load_modules(const char* list, const char** failed);
void set_clock(long long time_ns);
// Credits the bytes as entropy and makes the kernel's generator use them at once. 0, or -1 with errno.
int reseed(const unsigned char* bytes, size_t size);
// The disk that is formatted.
extern const char kDisk[];
// Waits until the disk is there with exactly that many bytes. 0, or -1 with errno (ETIMEDOUT).
int wait_for_disk(const char* disk, long long size);
int flush_disk(void);
// These two report their outcome themselves. 0, or -1 after {"event":"failed"}.
int run_formatter(const struct job* job);
// Mounts, fills where the job says so, and unmounts.
int trial_mount(const struct job* job);

#endif
