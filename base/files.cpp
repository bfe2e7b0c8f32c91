// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include "base/error.h"
#include "base/random_name.h"
#include "base/scope_exit.h"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace templatefs {

std::string read_file(int dir, std::string const& path, std::size_t limit) {
  Fd const fd = open_at(dir, path, O_RDONLY);
  std::string out;
  char buffer[1 << 16];
  for (;;) {
    auto const got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    check(got, "read", path);
    if (got == 0) return out;
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > limit)
      throw Error(EFBIG, "read " + path + " (more than " + std::to_string(limit) + " bytes)");
  }
}

void write_all(int fd, std::string_view bytes, std::string_view subject) {
  while (!bytes.empty()) {
    auto const put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    check(put, "write", subject);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

void write_all_at(int fd, std::string_view bytes, std::int64_t offset, std::string_view subject) {
  while (!bytes.empty()) {
    auto const put = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    check(put, "write", subject);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += put;
  }
}

Fd make_unnamed_file(std::string const& directory) {
  int const fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return Fd(fd);
  // Not every filesystem has O_TMPFILE.
  if (errno != EOPNOTSUPP && errno != EISDIR) throw_errno("make an unnamed file in", directory);
  std::string const name = directory + "/.templatefs-" + random_hex(8);
  Fd file = open_at(AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL, 0600);
  check(::unlink(name.c_str()), "remove", name);
  return file;
}

void replace_file(int dir, std::string const& path, std::string_view bytes, unsigned mode, bool durable) {
  std::string const scratch = path + ".new-" + random_hex(8);
  {
    Fd const fd = open_at(dir, scratch, O_WRONLY | O_CREAT | O_EXCL, mode);
    ScopeExit undo([&] { ::unlinkat(dir, scratch.c_str(), 0); });
    write_all(fd.get(), bytes, scratch);
    if (durable) sync_file(fd.get(), scratch);
    check(::renameat(dir, scratch.c_str(), dir, path.c_str()), "rename into place", path);
    undo.dismiss();
  }
}

void sync_file(int fd, std::string_view subject) {
  check(::fsync(fd), "sync", subject);
}

void make_directories(int dir, std::string const& path, unsigned mode) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    std::string const part = path.substr(0, end);
    if (!part.empty() && ::mkdirat(dir, part.c_str(), mode) != 0 && errno != EEXIST)
      throw_errno("make directory", part);
    if (end == std::string::npos) return;
  }
}

namespace {

struct CloseDir {
  void operator()(DIR* stream) const { ::closedir(stream); }
};
using DirStream = std::unique_ptr<DIR, CloseDir>;

DirStream open_directory_stream(Fd fd, std::string const& path) {
  DIR* const stream = ::fdopendir(fd.get());
  if (stream == nullptr) throw_errno("list", path);
  (void)fd.release();
  return DirStream(stream);
}

void remove_directory_contents(int dir, std::string const& path, std::optional<Error>& first_failure) {
  Fd fd = open_at_if_exists(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return;
  int const self = fd.get();
  DirStream const stream = open_directory_stream(std::move(fd), path);
  while (dirent const* entry = ::readdir(stream.get())) {
    std::string const name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(self, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    int err = errno;
    struct stat st {};
    if (::fstatat(self, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
      remove_directory_contents(self, name, first_failure);
      if (::unlinkat(self, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) continue;
      err = errno;
    }
    if (!first_failure) first_failure.emplace(err, "remove " + path + "/" + name);
  }
}

}  // namespace

void for_each_entry(int dir, std::string const& path, std::function<void(std::string const&)> const& visit) {
  Fd fd = open_at_if_exists(dir, path, O_RDONLY | O_DIRECTORY);
  if (!fd) return;
  DirStream const stream = open_directory_stream(std::move(fd), path);
  for (;;) {
    errno = 0;
    dirent const* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    std::string const name = entry->d_name;
    if (name != "." && name != "..") visit(name);
  }
  if (errno != 0) throw_errno("list", path);
}

void remove_tree(int dir, std::string const& path) {
  if (::unlinkat(dir, path.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) throw_errno("remove", path);
  struct stat st {};
  if (::fstatat(dir, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    throw_errno("stat", path);
  }
  std::optional<Error> first_failure;
  remove_directory_contents(dir, path, first_failure);
  if (first_failure) throw *first_failure;
  if (::unlinkat(dir, path.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) throw_errno("remove", path);
}

bool remove_tree_through(int scratch_dir, int dir, std::string const& path) {
  std::string const grave = "removed-" + random_hex(8);
  if (::renameat(dir, path.c_str(), scratch_dir, grave.c_str()) != 0) {
    if (errno == ENOENT) return false;
    throw_errno("remove", path);
  }
  remove_tree(scratch_dir, grave);
  return true;
}

void for_each_data_range(int fd, std::int64_t end,
                         std::function<void(std::int64_t, std::int64_t)> const& visit) {
  for (std::int64_t at = 0; at < end;) {
    std::int64_t const data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;
    check(data, "find data in", "a sparse file");
    if (data >= end) return;
    std::int64_t const hole =
        check<std::int64_t>(::lseek(fd, data, SEEK_HOLE), "find a hole in", "a sparse file");
    std::int64_t const stop = std::min(hole, end);
    visit(data, stop - data);
    at = stop;
  }
}

bool is_on(int file, unsigned long magic) noexcept {
  struct statfs fs {};
  return ::fstatfs(file, &fs) == 0 && static_cast<unsigned long>(fs.f_type) == magic;
}

std::string rfc3339(std::int64_t epoch_ms) {
  std::time_t const seconds = epoch_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::int64_t epoch_ms_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace templatefs
