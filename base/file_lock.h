// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.h"
#include "base/fd.h"

#include <optional>
#include <stop_token>
#include <string>

namespace templatefs {

/// A held flock(2) on a lock file, let go by the destructor.
///
/// flock belongs to the open file description: it excludes threads of one process as well as processes, and a
/// child that inherited the descriptor would keep it alive, hence O_CLOEXEC. The file itself is never
/// removed: two processes could each hold "the" lock on two inodes of one name.
class FileLock {
 public:
  enum class Mode { shared, exclusive };

  /// Empty where another holder is in the way. The file is made (0600) if missing. Throws Error.
  static std::optional<FileLock> try_lock(int dir, std::string const& path, Mode mode);
  /// Waits by polling, so that a deadline and a stop request can end it. Empty when the deadline passed.
  /// Throws Error(ECANCELED) on a stop request.
  static std::optional<FileLock> lock(int dir, std::string const& path, Mode mode, Deadline deadline,
                                      std::stop_token const& stop = {});
  /// Exclusively, a directory that may hold no lock file yet. Empty when the deadline passed. Throws Error.
  static std::optional<FileLock> lock_directory(std::string const& path, Deadline deadline);

  /// The lock file's descriptor, for whoever must name its holders.
  int fd() const noexcept { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace templatefs
