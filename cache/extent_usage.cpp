// SPDX-License-Identifier: Apache-2.0
#include "cache/extent_usage.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace templatefs::cache {

namespace {

constexpr unsigned kBatch = 256;

/// The next extents from `start` on, in `buffer`; empty at the end of the file.
std::span<fiemap_extent const> next_extents(int fd, std::uint64_t start, std::vector<std::byte>& buffer) {
  buffer.assign(sizeof(fiemap) + kBatch * sizeof(fiemap_extent), std::byte{0});
  auto* const map = reinterpret_cast<fiemap*>(buffer.data());
  map->fm_start = start;
  map->fm_length = FIEMAP_MAX_OFFSET - start;
  map->fm_extent_count = kBatch;
  check(::ioctl(fd, FS_IOC_FIEMAP, map), "map the extents of", "a template");
  return {map->fm_extents, map->fm_mapped_extents};
}

}  // namespace

Footprint::Footprint(int fd) {
  std::vector<std::byte> buffer;
  std::uint64_t next = 0;
  try {
    for (bool last = false; !last;) {
      auto const found = next_extents(fd, next, buffer);
      if (found.empty()) return;
      for (auto const& extent : found) {
        auto const length = static_cast<std::int64_t>(extent.fe_length);
        ((extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0 ? usage_.shared : usage_.exclusive) += length;
        // What lies in metadata, or nowhere yet, has no blocks of its own to be compared by.
        if ((extent.fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DATA_INLINE)) != 0)
          unmapped_ += length;
        else
          extents_.push_back({extent.fe_physical, extent.fe_physical + extent.fe_length});
        next = extent.fe_logical + extent.fe_length;
        last = (extent.fe_flags & FIEMAP_EXTENT_LAST) != 0;
      }
    }
  } catch (Error const& error) {
    if (error.err() != EOPNOTSUPP && error.err() != ENOTTY && error.err() != EBADR) throw;
    struct stat st {};
    check(::fstat(fd, &st), "stat", "a template");
    extents_.clear();
    unmapped_ = static_cast<std::int64_t>(st.st_blocks) * 512;
    usage_ = {unmapped_, 0};
  }
}

std::int64_t Footprint::together(std::vector<Footprint const*> const& files) {
  std::int64_t bytes = 0;
  std::vector<Extent> all;
  for (auto const* const file : files) {
    bytes += file->unmapped_;
    all.insert(all.end(), file->extents_.begin(), file->extents_.end());
  }
  std::sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.start < b.start; });
  std::uint64_t counted = 0;  // up to this place
  for (auto const& extent : all) {
    auto const start = std::max(extent.start, counted);
    if (extent.end <= start) continue;
    bytes += static_cast<std::int64_t>(extent.end - start);
    counted = extent.end;
  }
  return bytes;
}

}  // namespace templatefs::cache
