// SPDX-License-Identifier: Apache-2.0
#include "base/content_digest.h"

#include "base/error.h"
#include "base/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <unistd.h>

namespace templatefs {

namespace {

constexpr std::int64_t kDataBlock = 64 << 10;

/// As many bytes of the block as there are before the end of the file.
std::string_view read_block(int fd, std::vector<char>& buffer, std::int64_t at) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    auto const got =
        ::pread(fd, buffer.data() + filled, buffer.size() - filled, at + static_cast<std::int64_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    check(got, "read", "a disk image");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return {buffer.data(), filled};
}

}  // namespace

bool is_zero(std::string_view bytes) noexcept {
  return bytes.empty() ||
         (bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

void for_each_data_block(int fd, std::int64_t end,
                         std::function<void(std::int64_t, std::string_view)> const& visit) {
  std::vector<char> buffer(kDataBlock);
  std::int64_t next = 0;
  for_each_data_range(fd, end, [&](std::int64_t offset, std::int64_t length) {
    // Two ranges may touch one block.
    for (auto at = std::max(next, offset - offset % kDataBlock); at < offset + length; at += kDataBlock) {
      next = at + kDataBlock;
      auto const block = read_block(fd, buffer, at);
      if (!block.empty()) visit(at, block);
    }
  });
}

ContentDigest::ContentDigest(std::int64_t disk_bytes) {
  sum_.update("size " + std::to_string(disk_bytes) + "\n");
}

void ContentDigest::add(std::int64_t offset, std::string_view block) {
  if (!is_zero(block)) sum_.update("data " + std::to_string(offset) + "\n").update(block);
}

std::string content_sha256(int fd, std::int64_t bytes, std::function<void(std::int64_t)> const& on_read) {
  ContentDigest sum(bytes);
  std::int64_t done = 0;
  for_each_data_block(fd, bytes, [&](std::int64_t offset, std::string_view block) {
    sum.add(offset, block);
    done += static_cast<std::int64_t>(block.size());
    if (on_read) on_read(done);
  });
  return sum.finish();
}

}  // namespace templatefs
