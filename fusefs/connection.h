// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/guarded.h"
#include "fusefs/libfuse.h"

#include <atomic>
#include <string>

namespace templatefs::fusefs {

/// What was negotiated with the kernel, and the passthrough side of the connection. Thread-safe.
class Connection {
 public:
  void negotiate(fuse_conn_info& info);
  /// Once the session exists and before it serves. Borrowed.
  void attach(fuse_session* session) noexcept { session_ = session; }

  /// Registers a file and takes it back, so that passthrough() is the truth before the first image.
  void try_passthrough(int fd) noexcept { unregister_backing(register_backing(fd)); }

  /// The kernel's backing id for an open file, or 0: then reads and writes come through us. A refusal that
  /// lies in the kernel or in our rights turns passthrough off for good, with one line in the log; one for
  /// want of descriptors or memory is this file's alone. Inodes that have a backing id keep theirs.
  int register_backing(int fd) noexcept;
  void unregister_backing(int backing_id) noexcept;

  /// The kernel drops what it has cached of a file's bytes and attributes: they changed under it.
  void forget_data(fuse_ino_t number) noexcept { fuse_lowlevel_notify_inval_inode(session_, number, 0, 0); }
  /// The same of its attributes alone. Waits for nobody, so a thread that has a request to answer may say it.
  void forget_attributes(fuse_ino_t number) noexcept {
    fuse_lowlevel_notify_inval_inode(session_, number, -1, 0);
  }

  bool passthrough() const noexcept { return passthrough_.load(); }
  /// Why passthrough is on or off, one sentence.
  std::string passthrough_reason() const;
  bool negotiated() const noexcept { return negotiated_.load(); }

 private:
  void refuse_passthrough(std::string reason) noexcept;

  fuse_session* session_ = nullptr;
  std::atomic<bool> passthrough_ = false;
  std::atomic<bool> negotiated_ = false;
  Guarded<std::string> reason_{std::string("the kernel has not answered yet")};
};

}  // namespace templatefs::fusefs
