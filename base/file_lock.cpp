// SPDX-License-Identifier: Apache-2.0
#include "base/file_lock.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>

#include <fcntl.h>
#include <sys/file.h>

namespace templatefs {

namespace {

bool try_flock(int fd, FileLock::Mode mode, std::string const& path) {
  int const operation = (mode == FileLock::Mode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  while (::flock(fd, operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_errno("lock", path);
  }
  return true;
}

Fd open_lock_file(int dir, std::string const& path) {
  // Read-only is enough for flock, and lets a store that was made by another user be shared for reading.
  return open_at(dir, path, O_RDONLY | O_CREAT, 0600);
}

bool wait_for_flock(int fd, FileLock::Mode mode, std::string const& path, Deadline deadline,
                    std::stop_token const& stop) {
  std::mutex mutex;
  std::condition_variable_any pause;
  auto wait = std::chrono::milliseconds(1);
  while (!try_flock(fd, mode, path)) {
    if (stop.stop_requested()) throw Error(ECANCELED, "lock " + path);
    if (deadline.passed()) return false;
    std::unique_lock guard(mutex);
    pause.wait_for(guard, stop, std::min(wait, std::chrono::milliseconds(deadline.remaining_ms())),
                   [] { return false; });
    wait = std::min(wait * 2, std::chrono::milliseconds(50));
  }
  return true;
}

}  // namespace

std::optional<FileLock> FileLock::try_lock(int dir, std::string const& path, Mode mode) {
  Fd fd = open_lock_file(dir, path);
  if (!try_flock(fd.get(), mode, path)) return std::nullopt;
  return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::lock(int dir, std::string const& path, Mode mode, Deadline deadline,
                                       std::stop_token const& stop) {
  Fd fd = open_lock_file(dir, path);
  if (!wait_for_flock(fd.get(), mode, path, deadline, stop)) return std::nullopt;
  return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::lock_directory(std::string const& path, Deadline deadline) {
  Fd fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!wait_for_flock(fd.get(), Mode::exclusive, path, deadline, {})) return std::nullopt;
  return FileLock(std::move(fd));
}

}  // namespace templatefs
