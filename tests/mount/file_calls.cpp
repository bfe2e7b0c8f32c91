// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"

#include "base/error.h"
#include "base/log.h"
#include "tests/support/program.h"

#include <cerrno>

#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::test {

std::string outcome(long result) {
  return result == -1 ? errno_name(errno) : "ok";
}

std::string link_of(std::string const& path) {
  char target[4096];
  auto const length = ::readlink(path.c_str(), target, sizeof target);
  return length < 0 ? outcome(length) : std::string(target, static_cast<std::size_t>(length));
}

std::string open_outcome(std::string const& path, int flags, mode_t mode) {
  int const fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  auto const words = outcome(fd);
  if (fd >= 0) ::close(fd);
  return words;
}

std::string outcome_as(uid_t uid, std::function<long()> const& call) {
  Client client([&] { return call() == -1 ? errno : 0; }, uid);
  int const status = client.wait();
  return status == 0 ? "ok" : status < 0 ? "no answer" : errno_name(status);
}

std::string open_outcome_as(uid_t uid, std::string const& path, int flags, mode_t mode) {
  return outcome_as(uid, [&] { return ::open(path.c_str(), flags, mode); });
}

Fd open_file(std::string const& path, int flags) {
  return open_at(AT_FDCWD, path, flags, 0644);
}

void write_at(int fd, std::string_view bytes, off_t offset) {
  auto const written = check(::pwrite(fd, bytes.data(), bytes.size(), offset), "write", "a file");
  if (static_cast<std::size_t>(written) != bytes.size()) throw Error(EIO, "write a file whole");
}

std::string read_at(int fd, std::size_t size, off_t offset) {
  std::string bytes(size, '\0');
  bytes.resize(static_cast<std::size_t>(check(::pread(fd, bytes.data(), size, offset), "read", "a file")));
  return bytes;
}

struct stat stat_of(std::string const& path) {
  struct stat st {};
  check(::lstat(path.c_str(), &st), "stat", path);
  return st;
}

struct stat stat_of(int fd) {
  struct stat st {};
  check(::fstat(fd, &st), "stat", "a descriptor");
  return st;
}

std::string owner_of(std::string const& path) {
  auto const st = stat_of(path);
  return format("{} {} {:04o}", st.st_uid, st.st_gid, st.st_mode & 07777);
}

std::string xattr_of(std::string const& path, std::string const& name) {
  std::string value(4096, '\0');
  auto const size = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return errno_name(errno);
  value.resize(static_cast<std::size_t>(size));
  return value;
}

}  // namespace templatefs::test
