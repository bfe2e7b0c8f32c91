// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace templatefs::test {

inline constexpr std::int64_t kBlock = 4096;

/// What fills a block that a test wrote: never the same twice. 0 is a block of zeroes.
using Stamp = std::uint64_t;
std::string block_of(Stamp stamp);

/// A digest of each block of a file, holes included. Throws Error.
using BlockSums = std::vector<std::size_t>;
BlockSums block_sums(int fd);

/// What a disk may hold: as it was when it was first looked at, but for the blocks written since. A write
/// whose end nobody saw leaves a block with more than one possible content.
class DiskModel {
 public:
  explicit DiskModel(BlockSums first) : first_(std::make_shared<BlockSums const>(std::move(first))) {}

  std::size_t blocks() const noexcept { return first_->size(); }
  void wrote(std::size_t block, Stamp stamp);
  void may_have_written(std::size_t block, Stamp stamp);
  void revert_to_first() { changed_.clear(); }
  /// It is this one now, or the other.
  void may_be(DiskModel const& other);

  /// The first block that holds what it cannot. Where there is none, what was seen is what holds from now on.
  std::optional<std::size_t> settle(BlockSums const& seen);

 private:
  std::set<std::size_t> possible(std::size_t block) const;

  std::shared_ptr<BlockSums const> first_;
  std::map<std::size_t, std::set<std::size_t>> changed_;
};

}  // namespace templatefs::test
