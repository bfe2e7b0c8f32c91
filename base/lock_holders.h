// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace templatefs {

struct LockHolder {
  pid_t pid = 0;
  std::string command;  // at most 100 bytes, then "…"; "<cmdline unavailable>" where it cannot be read
};

/// Who holds a flock on the file open at `fd`, from /proc/locks. Processes in pid namespaces that we cannot
/// see are missing from it. Waiters are not holders. Throws Error.
std::vector<LockHolder> lock_holders(int fd);
/// "pid=811 cmd=templatefs mount /mnt; pid=…", or "<none recorded>".
std::string describe_holders(std::vector<LockHolder> const& holders);

}  // namespace templatefs
