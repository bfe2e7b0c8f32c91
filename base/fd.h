// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace templatefs {

/// Owns one descriptor. Move-only; no implicit conversion to int, so ownership is visible where it passes.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(Fd const&) = delete;
  Fd& operator=(Fd const&) = delete;
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  /// Closes now. Keeps errno; asserts against EBADF, which is always a double close.
  void reset() noexcept;
  /// Another descriptor of the same open file description, close-on-exec. Throws Error.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

/// openat(2) with O_CLOEXEC added; throws Error with the path. `dir` may be AT_FDCWD.
Fd open_at(int dir, std::string const& path, int flags, unsigned mode = 0);
/// The same, but an empty Fd where the path does not exist (ENOENT, ENOTDIR).
Fd open_at_if_exists(int dir, std::string const& path, int flags);

}  // namespace templatefs
