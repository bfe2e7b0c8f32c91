// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include "base/error.h"

#include <cassert>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs {

void Fd::reset() noexcept {
  if (fd_ < 0) return;
  int const saved = errno;
  [[maybe_unused]] int const result = ::close(std::exchange(fd_, -1));
  // EINTR is not retried: Linux has released the descriptor by then.
  assert(result == 0 || errno != EBADF);
  errno = saved;
}

Fd Fd::duplicate() const {
  return Fd(check(::fcntl(fd_, F_DUPFD_CLOEXEC, 3), "duplicate", "a descriptor"));
}

Fd open_at(int dir, std::string const& path, int flags, unsigned mode) {
  return Fd(check(::openat(dir, path.c_str(), flags | O_CLOEXEC, mode), "open", path));
}

Fd open_at_if_exists(int dir, std::string const& path, int flags) {
  Fd fd(::openat(dir, path.c_str(), flags | O_CLOEXEC));
  if (!fd && errno != ENOENT && errno != ENOTDIR) throw_errno("open", path);
  return fd;
}

}  // namespace templatefs
