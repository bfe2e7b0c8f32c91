// SPDX-License-Identifier: Apache-2.0
#include "vm/sparsify.h"

#include "base/content_digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::vm {

namespace {

/// False where the filesystem has no such operation.
bool punch(int fd, std::int64_t start, std::int64_t end, std::string const& path) {
  if (end <= start) return true;
  while (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, end - start) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
    if (errno != EINTR) throw_errno("punch a hole into", path);
  }
  return true;
}

/// Punches runs of blocks in one go each.
class Puncher {
 public:
  Puncher(Fd const& fd, std::string const& path) : fd_(fd), path_(path) {}
  void add(std::int64_t start, std::int64_t end) {
    if (start != end_) {
      flush();
      start_ = start;
    }
    end_ = end;
  }
  void flush() { able_ = able_ && punch(fd_.get(), start_, end_, path_); }

 private:
  Fd const& fd_;
  std::string const& path_;
  std::int64_t start_ = 0, end_ = 0;
  bool able_ = true;
};

}  // namespace

void punch_zeroes(std::string const& path, std::function<void(std::int64_t, std::string_view)> const& visit) {
  Fd const fd = open_at(AT_FDCWD, path, O_RDWR);
  struct stat st {};
  check(::fstat(fd.get(), &st), "stat", path);
  Puncher puncher(fd, path);
  for_each_data_block(fd.get(), st.st_size, [&](std::int64_t at, std::string_view block) {
    if (is_zero(block))
      puncher.add(at, at + static_cast<std::int64_t>(block.size()));
    else if (visit)
      visit(at, block);
  });
  puncher.flush();
}

void punch_unwritten(std::string const& path) {
  Fd const fd = open_at(AT_FDCWD, path, O_RDWR);
  struct stat st {};
  check(::fstat(fd.get(), &st), "stat", path);
  // SEEK_DATA takes a page in the cache for data, even one that was only read from a preallocated extent: so
  // everything is written out, which the caller would ask for anyway, and dropped.
  sync_file(fd.get(), path);
  (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  std::int64_t hole_start = 0;
  bool able = true;
  for_each_data_range(fd.get(), st.st_size, [&](std::int64_t offset, std::int64_t length) {
    able = able && punch(fd.get(), hole_start, offset, path);
    hole_start = offset + length;
  });
  if (able) punch(fd.get(), hole_start, st.st_size, path);
}

}  // namespace templatefs::vm
