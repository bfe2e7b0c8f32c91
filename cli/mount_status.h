// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// A mount as it answers now.
struct MountStatus {
  std::string mount_point;
  nlohmann::ordered_json status;  // status.json; null where it does not answer
  std::string problem;            // then: why, and what to do

  bool answers() const { return status.is_object(); }
  /// A number of status.json by its path, such as "/counters/opens"; 0 where it has none.
  std::int64_t number(char const* pointer) const;
};

/// Never throws for a mount that is dead, stuck or another user's.
MountStatus look_at_mount(std::string const& mount_point);

/// The last failed opens of a mount, newest last, a record a string. Empty where it does not answer.
std::vector<std::string> last_failures(std::string const& mount_point, std::size_t most);

/// The mount points that were named, or all that this process sees. Says on standard error which one is no
/// mount, or that there is none, and returns nothing then.
std::vector<std::string> mounts_to_show(std::vector<std::string> const& named);

}  // namespace templatefs::cli
