// SPDX-License-Identifier: Apache-2.0
#ifndef TEMPLATEFS_VM_GUEST_FILL_H
#define TEMPLATEFS_VM_GUEST_FILL_H

#include "vm/guest/job.h"

// Puts the seed on the second disk into the filesystem mounted at `target`: `unpack` reads a tar, from the
// disk or from `pack`, which then reads the filesystem on it. Whatever the two complain of is on the console,
// and a failure, whatever their exit status: a seed is put in whole or not at all. Reports the outcome
// itself. 0, or -1 after {"event":"failed"}, with ENOSPC where the disk is too small.
int fill(const struct job* job, const char* target);

#endif
