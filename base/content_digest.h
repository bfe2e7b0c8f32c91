// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace templatefs {

bool is_zero(std::string_view bytes) noexcept;

/// Reads what a sparse file holds data in, in order: whole blocks of 64 KiB, which begin at multiples of
/// that, the last one possibly shorter. Holes cost nothing, so that 1T takes as long as its data. Throws
/// Error.
void for_each_data_block(int fd, std::int64_t end,
                         std::function<void(std::int64_t offset, std::string_view block)> const& visit);

/// SHA-256 of what a disk reads as: over its size, and over the offset and the bytes of each block of 64 KiB
/// that is not all zeroes. How the zeroes are stored, and in which extents the rest lies, does not change it.
class ContentDigest {
 public:
  explicit ContentDigest(std::int64_t disk_bytes);
  /// The next block with data, as for_each_data_block gives it.
  void add(std::int64_t offset, std::string_view block);
  std::string finish() { return sum_.finish(); }

 private:
  Sha256 sum_;
};

/// Of a whole file. `on_read` hears how many bytes were read so far, and may throw to end it. Throws Error.
std::string content_sha256(int fd, std::int64_t bytes,
                           std::function<void(std::int64_t done)> const& on_read = {});

}  // namespace templatefs
