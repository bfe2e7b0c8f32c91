// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace templatefs {

/// One line of /proc/self/mountinfo (proc(5)), octal escapes undone.
struct MountEntry {
  int id = 0;
  std::string device;  // "maj:min" of the superblock: on btrfs not what stat(2) reports
  std::string mount_point;
  std::string type;  // "fuse.templatefs"
  std::string source;
  std::string super_options;
};

/// All mounts of this process's namespace, in mount order. Throws Error.
std::vector<MountEntry> read_mount_table();
/// The topmost mount at exactly `mount_point` (an absolute path without a trailing slash).
std::optional<MountEntry> mount_at(std::string const& mount_point);
/// The mount that holds an open file, by statx's mount id. Empty where the kernel does not tell.
std::optional<MountEntry> mount_of(int fd);

/// An absolute path without "." or "..", symbolic links resolved in all but the last component, which may be
/// missing or dead (a stale FUSE mount answers ENOTCONN). Throws Error for a missing parent.
std::string absolute_path(std::string const& path);

}  // namespace templatefs
