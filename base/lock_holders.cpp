// SPDX-License-Identifier: Apache-2.0
#include "base/lock_holders.h"

#include "base/error.h"
#include "base/files.h"
#include "base/mount_table.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace templatefs {

namespace {

std::string command_line(pid_t pid) {
  std::string text;
  try {
    text = read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cmdline");
  } catch (Error const&) {
    return "<cmdline unavailable>";
  }
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (text.size() > 100) text.replace(100, std::string::npos, "…");
  return text.empty() ? "<cmdline unavailable>" : text;
}

/// "major:minor:inode" as /proc/locks prints it: the superblock's device, which on btrfs differs from st_dev
/// (each subvolume has a device number of its own), so it is taken from mountinfo.
std::string locks_identity(int fd) {
  struct stat st {};
  check(::fstat(fd, &st), "stat", "a lock file");
  unsigned major_number = major(st.st_dev);
  unsigned minor_number = minor(st.st_dev);
  if (auto const mount = mount_of(fd)) {
    unsigned from_mount_major = 0;
    unsigned from_mount_minor = 0;
    if (std::sscanf(mount->device.c_str(), "%u:%u", &from_mount_major, &from_mount_minor) == 2) {
      major_number = from_mount_major;
      minor_number = from_mount_minor;
    }
  }
  char text[64];
  std::snprintf(text, sizeof text, "%02x:%02x:%lu", major_number, minor_number,
                static_cast<unsigned long>(st.st_ino));
  return text;
}

}  // namespace

std::vector<LockHolder> lock_holders(int fd) {
  std::string const identity = locks_identity(fd);
  std::vector<LockHolder> holders;
  std::istringstream lines(read_file(AT_FDCWD, "/proc/locks"));
  for (std::string line; std::getline(lines, line);) {
    // 1: FLOCK  ADVISORY  WRITE 811 fd:01:1234 0 EOF     (a waiter has "->" after the number)
    std::istringstream fields(line);
    std::string number;
    std::string type;
    std::string advisory;
    std::string access;
    std::string file;
    pid_t pid = 0;
    fields >> number >> type >> advisory >> access >> pid >> file;
    if (type == "FLOCK" && file == identity && pid > 0) holders.push_back({pid, command_line(pid)});
  }
  return holders;
}

std::string describe_holders(std::vector<LockHolder> const& holders) {
  std::string text;
  for (auto const& holder : holders)
    text += (text.empty() ? "" : "; ") + ("pid=" + std::to_string(holder.pid)) + " cmd=" + holder.command;
  return text.empty() ? "<none recorded>" : text;
}

}  // namespace templatefs
