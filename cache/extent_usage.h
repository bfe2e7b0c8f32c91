// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace templatefs::cache {

/// What a file takes of its filesystem: st_blocks counts a block once for each file that shares it.
struct Usage {
  std::int64_t exclusive = 0;  // given back if the file goes
  std::int64_t shared = 0;     // with reflinks of it
};

/// Where the blocks of a file lie, as FIEMAP tells. Where there is no FIEMAP all of them count as the file's
/// own.
class Footprint {
 public:
  Footprint() = default;
  /// Of an open file, which should be synced: delayed allocations have no place yet. Throws Error.
  explicit Footprint(int fd);

  Usage const& usage() const noexcept { return usage_; }

  /// What several files take together, with what they share counted once.
  static std::int64_t together(std::vector<Footprint const*> const& files);

 private:
  struct Extent {
    std::uint64_t start;
    std::uint64_t end;
  };
  std::vector<Extent> extents_;
  std::int64_t unmapped_ = 0;
  Usage usage_;
};

}  // namespace templatefs::cache
