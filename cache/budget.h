// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::cache {

/// How much the templates of a store may take, and for how long. What is empty limits nothing.
struct Budget {
  std::optional<std::int64_t> max_size;         // all templates together, bytes
  std::optional<std::int64_t> min_free;         // what the store's filesystem keeps free, bytes
  std::optional<std::chrono::seconds> max_age;  // since a template's last use
  std::vector<std::string> keep;                // "btrfs" or "btrfs/256M": never collected

  bool limits() const noexcept { return max_size || min_free || max_age; }
  /// By a template's key.
  bool keeps(std::string_view key) const;
};

/// "12h", "30d", "8w": a whole number without a leading zero.
std::optional<std::chrono::seconds> parse_age(std::string_view text) noexcept;

/// "btrfs" as it is, "btrfs/1024M" as "btrfs/1G"; empty for what no recipe and capacity could be.
std::optional<std::string> parse_keep(std::string_view text);

}  // namespace templatefs::cache
