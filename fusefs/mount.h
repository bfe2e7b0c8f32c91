// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "fusefs/filesystem.h"
#include "fusefs/workers.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace templatefs::fusefs {

/// A mounted templatefs, from fuse_session_mount to the end of its connection. Used by one thread; that
/// thread has SIGTERM, SIGINT and SIGHUP blocked before the first other thread starts (block_end_signals).
class Mount {
 public:
  /// Mounts and serves; returns once the mount has answered. `fuse_options` are libfuse's and the kernel's,
  /// as after -o. Throws Error with what libfuse said.
  Mount(Filesystem& fs, std::vector<std::string> const& fuse_options);
  ~Mount();
  Mount(Mount const&) = delete;
  Mount& operator=(Mount const&) = delete;

  /// Serves until a signal, or until it is unmounted from outside. SIGHUP ends it only where there is no
  /// `on_hangup`, which is called on this thread otherwise.
  void serve_until_ended(std::function<void()> const& on_hangup = {});
  /// Ends it: builds are cancelled, waiting opens get ESHUTDOWN, and where a client holds a file open the
  /// connection is cut instead of waited for. Seconds at most. Idempotent.
  void end();

 private:
  void wait_for_first_answer();

  Filesystem& fs_;
  struct FreeSession {
    void operator()(fuse_session* session) const { fuse_session_destroy(session); }
  };
  std::unique_ptr<fuse_session, FreeSession> session_;
  Fd ended_;  // eventfd, written when the connection ended by itself
  std::unique_ptr<Workers> workers_;
  bool mounted_ = false;
};

/// Blocks the signals that end a mount, in this thread and those it makes.
void block_end_signals();

}  // namespace templatefs::fusefs
