// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// The templatefs mount that a path lies in, and the path below its mount point.
struct LiveMount {
  std::string mount_point;
  std::string below;  // "btrfs/256M/t1.img", "" for the mount point itself
};
/// Empty where the path is in no such mount. The path itself need not exist.
std::optional<LiveMount> find_mount_of(std::string const& path);

/// A file of MNT/.templatefs, whole. Throws Error: ENOTCONN from a dead mount, ETIMEDOUT from one whose
/// daemon does not answer within 10 s.
std::string read_control_file(std::string const& mount_point, std::string const& name);

/// Whether a thread still waits for a daemon that did not answer in time: the process then ends by _exit(2),
/// since nothing may be destroyed under that thread.
bool has_stuck_reader() noexcept;

/// status.json of a mount. Throws the same.
nlohmann::ordered_json read_status(std::string const& mount_point);

/// Who keeps a mount busy: "qemu-system-x86 (pid 811) btrfs/256M/t1.img". As far as /proc lets us see.
std::vector<std::string> users_of(std::string const& mount_point);

/// Who has a file open for writing: "qemu-system-x86 (pid 811)". As far as /proc lets us see.
std::vector<std::string> writers_of_file(std::string const& path);

}  // namespace templatefs::cli
