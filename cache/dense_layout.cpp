// SPDX-License-Identifier: Apache-2.0
#include "cache/dense_layout.h"

#include "base/copy_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"
#include "base/scope_exit.h"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

constexpr std::int64_t kMostData = 64 << 20;
/// A hole up to this is filled: the room that it takes is less than what an extent costs each clone.
constexpr std::int64_t kSmallHole = 256 << 10;

struct Range {
  std::int64_t offset;
  std::int64_t end;
};

std::vector<Range> ranges_to_write(int file, std::int64_t bytes) {
  std::vector<Range> ranges;
  for_each_data_range(file, bytes, [&](std::int64_t offset, std::int64_t length) {
    if (!ranges.empty() && offset - ranges.back().end <= kSmallHole)
      ranges.back().end = offset + length;
    else
      ranges.push_back({offset, offset + length});
  });
  return ranges;
}

}  // namespace

void lay_out_densely(int dir, std::string const& name) noexcept try {
  Fd const from = open_at(dir, name, O_RDONLY);
  struct stat st {};
  check(::fstat(from.get(), &st), "stat", name);
  auto const ranges = ranges_to_write(from.get(), st.st_size);
  std::int64_t data = 0;
  for (auto const& range : ranges) data += range.end - range.offset;
  if (data > kMostData) return;

  std::string const scratch = name + ".dense";
  Fd const to = open_at(dir, scratch, O_WRONLY | O_CREAT | O_EXCL, st.st_mode & 0777);
  ScopeExit undo([&] { ::unlinkat(dir, scratch.c_str(), 0); });
  check(::ftruncate(to.get(), st.st_size), "set the length of", scratch);
  for (auto const& range : ranges) copy_range(from.get(), to.get(), range.offset, range.end);
  check(::renameat(dir, scratch.c_str(), dir, name.c_str()), "rename", scratch);
  undo.dismiss();
} catch (std::exception const& error) {
  spdlog::debug("an image keeps the layout that its builder gave it: {}", error.what());
}

}  // namespace templatefs::cache
