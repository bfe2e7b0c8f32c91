// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/temp_dir.h"

#include <cstdint>
#include <string>

namespace templatefs::test {

/// A real filesystem in a sparse file, loop-mounted with discard. Needs root. Unmounted lazily at the end,
/// whoever still has a file of it open.
class LoopFilesystem {
 public:
  /// `type` is "xfs", "btrfs" or "ext4".
  explicit LoopFilesystem(std::string const& type, std::int64_t bytes = std::int64_t{8} << 30);
  ~LoopFilesystem();
  LoopFilesystem(LoopFilesystem const&) = delete;
  LoopFilesystem& operator=(LoopFilesystem const&) = delete;

  /// Where it is mounted.
  std::string const& path() const noexcept { return mount_point_; }
  std::string operator/(std::string const& name) const { return mount_point_ + "/" + name; }

 private:
  TempDir dir_;
  std::string mount_point_;
};

}  // namespace templatefs::test
