// SPDX-License-Identifier: Apache-2.0
#include "tests/support/leak_check.h"

#include "base/error.h"
#include "base/files.h"
#include "base/mount_table.h"
#include "tests/support/wait_until.h"

#include <sstream>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace templatefs::test {

Holdings Holdings::now() {
  Holdings held;
  DIR* const fds = ::opendir("/proc/self/fd");
  while (dirent const* entry = ::readdir(fds)) {
    int const fd = std::atoi(entry->d_name);
    if (entry->d_name[0] != '.' && fd != ::dirfd(fds)) held.descriptors.insert(fd);
  }
  ::closedir(fds);
  for_each_entry(AT_FDCWD, "/proc/self/task", [&](std::string const& task) {
    try {
      std::istringstream pids(read_file(AT_FDCWD, "/proc/self/task/" + task + "/children"));
      for (int pid = 0; pids >> pid;) held.children.insert(pid);
    } catch (Error const&) {
      // The thread has ended.
    }
  });
  // Other tests run beside this one: only what lies in this process's own TempDirs counts.
  std::string const ours = "/templatefs-test-" + std::to_string(::getpid()) + "-";
  for (auto const& mount : read_mount_table())
    if (mount.mount_point.find(ours) != std::string::npos) held.mounts.insert(mount.mount_point);
  return held;
}

void LeakCheck::TearDown() {
  Holdings after;
  // Mounts and children of a daemon that was just ended go a moment later.
  wait_until(
      [&] {
        after = Holdings::now();
        return after.descriptors == before_.descriptors && after.children == before_.children &&
               after.mounts == before_.mounts;
      },
      std::chrono::seconds(5));
  EXPECT_EQ(after.descriptors, before_.descriptors)
      << "descriptors left open, or closed that were not the test's";
  EXPECT_EQ(after.children, before_.children) << "child processes left";
  EXPECT_EQ(after.mounts, before_.mounts) << "mounts left";
}

}  // namespace templatefs::test
