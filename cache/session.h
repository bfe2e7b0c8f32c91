// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "base/file_lock.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::cache {

/// One mount's or command's place in the store: a lock that is held for its life, a staging directory for
/// builds, and the per-test images. Liveness is the held lock and nothing else.
///
/// `images` is a subvolume on btrfs, so that dropping thousands of images is one call. The session's
/// directory itself is not: btrfs refuses to rename files out of a subvolume (EXDEV), and publishing is a
/// rename from staging. Images are opened without access times where that can be had (base/noatime_view.h).
class Session {
 public:
  /// `kind` is "mount" or a command's name, `what` says more for people (a mount point). With `recover` it
  /// takes over the images of the last session of the same kind and `what` that is dead and not swept. Throws
  /// Error.
  static Session create(int store_dir, std::string_view kind, std::string_view what, bool recover = false);

  Session(Session&&) noexcept = default;
  Session& operator=(Session&&) = delete;
  /// Drops what is left; failures are logged, and swept later.
  ~Session();

  std::string const& name() const noexcept { return name_; }
  int staging_dir() const noexcept { return staging_.get(); }
  int images_dir() const noexcept { return images_.get(); }
  std::string staging_path(std::string const& store_path) const;
  /// From now on whoever removes the session looks for pinned images (cache/pins.h). Throws Error.
  void note_pins() const;

  /// Removes images, staging and the session itself. Throws Error for what could not be removed.
  void drop();

 private:
  Session(Fd store, std::string name, FileLock lock)
      : store_(std::move(store)), name_(std::move(name)), lock_(std::move(lock)) {}

  Fd store_;
  std::string name_;
  FileLock lock_;
  Fd staging_;
  Fd images_;
  bool dropped_ = false;
};

/// Removes one session's directory in an order that a crash in between leaves to the next sweep: images,
/// staging, then the lock. Pinned images are moved out of it first. The caller holds the session's lock.
/// Throws Error.
void remove_session(int store_dir, std::string const& name);

/// What sessions/ shows of a session; for people, but for `alive`.
struct SessionEntry {
  std::string name;
  std::string kind;
  std::string what;
  std::string started;  // RFC 3339
  bool alive = false;
};
/// By name. Throws Error.
std::vector<SessionEntry> list_sessions(int store_dir);

/// Removes every session whose lock can be taken: whatever lies in it is debris of a process that is gone.
/// Living peers are never touched. Failures are logged and the rest goes on. Returns the number removed.
unsigned sweep(int store_dir);

}  // namespace templatefs::cache
