// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "base/file_lock.h"

#include <optional>
#include <string>

namespace templatefs::vm {

/// Where saved guests are kept between builds and shared between processes; each is a directory of files
/// under a name. This layer knows no store. Implementations are safe to call from many threads. All functions
/// but give_up throw Error.
class GuestShelf {
 public:
  virtual ~GuestShelf() = default;

  /// The directory of a saved guest, empty where there is none. It may be removed at any moment: what is to
  /// last is opened at once.
  virtual Fd find(std::string const& name) = 0;
  /// The right to save a guest under this name, until the lock is let go. None where there is one already,
  /// where it was given up, where there is too little room, or somebody else has the right: nobody waits.
  virtual std::optional<FileLock> claim(std::string const& name) = 0;
  /// Makes the directory at the path `staged`, on the shelf's filesystem, the saved guest of this name, by
  /// one rename. The caller has the right to.
  virtual void publish(std::string const& name, std::string const& staged) = 0;
  /// From now on find() and claim() find nothing under this name.
  virtual void give_up(std::string const& name, std::string const& why) noexcept = 0;
};

}  // namespace templatefs::vm
