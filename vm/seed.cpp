// SPDX-License-Identifier: Apache-2.0
#include "vm/seed.h"

#include "base/digest.h"
#include "base/fd.h"
#include "base/guarded.h"
#include "vm/seed_archive.h"
#include "vm/seed_directory.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <tuple>

#include <sys/stat.h>

namespace templatefs::vm {

namespace {

constexpr std::int64_t kMiB = Capacity::kMiB;
// mke2fs makes an inode for each 16 KiB (mke2fs.conf: 4 KiB below 512 MiB).
constexpr std::int64_t kExt4BytesPerInode = 16384;

/// A compressed archive is read whole for this, so an unchanged one only once.
SeedSize archive_size(std::string const& path) {
  using Identity = std::tuple<std::string, dev_t, ino_t, off_t, std::int64_t, std::int64_t>;
  static Guarded<std::map<Identity, SeedSize>> memo;
  struct stat st {};
  Fd const file = open_seed_file(path, st);
  Identity const identity{path, st.st_dev, st.st_ino, st.st_size, st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
  auto const known = memo.with([&](auto& all) {
    auto const found = all.find(identity);
    return found == all.end() ? SeedSize{-1, -1} : found->second;
  });
  if (known.entries >= 0) return known;
  auto const size = scan_archive_seed(file, path).size;
  memo.with([&](auto& all) { all[identity] = size; });
  return size;
}

/// Nobody knows what is in an image; more than it has allocated there is not.
std::int64_t allocated_bytes(std::string const& image) {
  struct stat st {};
  return ::stat(image.c_str(), &st) == 0 ? st.st_blocks * 512 : 0;
}

std::int64_t round_up(std::int64_t bytes, std::int64_t step) {
  return (bytes + step - 1) / step * step;
}

}  // namespace

SeedSize seed_size(Seed const& seed) {
  struct stat st {};
  switch (seed.kind) {
    case Seed::Kind::directory:
      return walk_directory_seed(seed.path).size;
    case Seed::Kind::tar:
      return archive_size(seed.path);
    case Seed::Kind::image:
      (void)open_seed_file(seed.path, st);
  }
  return {};
}

std::int64_t seed_bytes(Seed const& seed) {
  return seed_size(seed).bytes();
}

Capacity comfortable_capacity(SeedSize size) {
  auto const for_data = size.bytes() * 2 + 256 * kMiB;
  auto const for_inodes = size.entries * kExt4BytesPerInode + 64 * kMiB;
  return Capacity::of_mib(round_up(std::max({for_data, for_inodes, 512 * kMiB}), 64 * kMiB) / kMiB);
}

Capacity comfortable_capacity(Seed const& seed) {
  auto size = seed_size(seed);
  if (seed.kind == Seed::Kind::image) size.data = allocated_bytes(seed.path);
  return comfortable_capacity(size);
}

Error does_not_fit(Seed const& seed, SeedSize size, Capacity capacity) {
  auto const at_least = Capacity::of_mib(std::max(round_up(size.bytes(), kMiB) / kMiB, capacity.mib() + 1));
  return Error(ENOSPC,
               "the seed " + seed.path + " needs at least " + at_least.canonical() +
                   ", more than the capacity " + capacity.canonical(),
               "There is room to spare in " + std::max(comfortable_capacity(size), at_least).canonical());
}

void require_room(Seed const& seed, SeedSize size, Capacity capacity) {
  if (size.bytes() > capacity.bytes()) throw does_not_fit(seed, size, capacity);
}

std::string seed_digest(Seed const& seed) {
  if (seed.kind == Seed::Kind::directory) return walk_directory_seed(seed.path).digest;
  struct stat st {};
  (void)open_seed_file(seed.path, st);
  auto digest = file_sha256(seed.path);
  return seed.kind == Seed::Kind::tar ? digest : sha256(digest + "\n" + seed.subpath);
}

std::chrono::seconds fill_time(Seed const& seed, SeedSize size) {
  // Measured under TCG: 30 MiB a second and 2,000 files a second; a busy host gets several times as long.
  constexpr std::int64_t kBytesPerSecond = 4 * kMiB, kEntriesPerSecond = 250;
  auto const bytes = seed.kind == Seed::Kind::image ? allocated_bytes(seed.path) : size.data;
  return std::chrono::seconds(bytes / kBytesPerSecond + size.entries / kEntriesPerSecond);
}

}  // namespace templatefs::vm
