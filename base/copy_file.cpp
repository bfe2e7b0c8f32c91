// SPDX-License-Identifier: Apache-2.0
#include "base/copy_file.h"

#include "base/data_cow.h"
#include "base/error.h"
#include "base/files.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace templatefs {

namespace {

constexpr std::int64_t kPiece = 16 << 20;

/// One piece of a range by copy_file_range(2), which may share blocks or let a server copy; false where these
/// two filesystems cannot.
bool copy_in_kernel(int from, int to, std::int64_t& offset, std::int64_t end) {
  loff_t in = offset;
  loff_t out = offset;
  auto const moved =
      ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(std::min(kPiece, end - offset)), 0);
  if (moved < 0 && errno != EXDEV && errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)
    throw_errno("copy", "a sparse file");
  if (moved > 0) offset += moved;
  return moved > 0;
}

void copy_by_hand(int from, int to, std::int64_t& offset, std::int64_t end, std::vector<char>& buffer) {
  buffer.resize(1 << 18);
  auto const want = std::min<std::int64_t>(end - offset, static_cast<std::int64_t>(buffer.size()));
  auto const got =
      check(::pread(from, buffer.data(), static_cast<std::size_t>(want), offset), "read", "a sparse file");
  if (got == 0) throw Error(EIO, "copy a sparse file: it is shorter than its data");
  write_all_at(to, {buffer.data(), static_cast<std::size_t>(got)}, offset, "the copy of a sparse file");
  offset += got;
}

}  // namespace

int reflink(int from, int to) noexcept {
  if (::ioctl(to, FICLONE, from) == 0) return 0;
  int const err = errno;
  if (err != EINVAL || is_nocow(from) == is_nocow(to) || set_nocow(to, is_nocow(from)) != 0) return err;
  return ::ioctl(to, FICLONE, from) == 0 ? 0 : err;
}

void copy_range(int from, int to, std::int64_t offset, std::int64_t end) {
  std::vector<char> buffer;
  while (offset < end) copy_by_hand(from, to, offset, end, buffer);
}

void copy_sparse(int from, int to, std::int64_t bytes, std::function<void(std::int64_t)> const& on_copied) {
  check(::ftruncate(to, bytes), "set the length of", "a copied image");
  std::vector<char> buffer;
  for_each_data_range(from, bytes, [&](std::int64_t offset, std::int64_t length) {
    bool in_kernel = true;
    for (auto const end = offset + length; offset < end;) {
      in_kernel = in_kernel && copy_in_kernel(from, to, offset, end);
      if (!in_kernel) copy_by_hand(from, to, offset, end, buffer);
      if (on_copied) on_copied(offset);
    }
  });
}

}  // namespace templatefs
