// SPDX-License-Identifier: Apache-2.0
#ifndef TEMPLATEFS_VM_GUEST_REPORT_H
#define TEMPLATEFS_VM_GUEST_REPORT_H

#include <stddef.h>

// The virtio-serial port "templatefs.report": the guest's one word to the host. The console is for people.

// Waits for the port to appear and opens it. 0, or -1 with errno (ETIMEDOUT).
int open_report_port(void);
// Sends one line, a newline added.
__attribute__((format(printf, 1, 2))) void report(const char* format, ...);
// Sends {"event":"failed"} and returns -1. `status` is a wait status, or 0 where no process was involved.
int report_failure(const char* step, int error, int status);
// At least one byte, waiting for the host as long as it takes; -1 with errno.
long read_report_port(char* buffer, size_t size);

// Milliseconds since boot.
long uptime_ms(void);

#endif
