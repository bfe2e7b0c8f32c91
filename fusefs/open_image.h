// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

namespace templatefs::fusefs {

class Connection;

/// An image that is open: its backing file and, with passthrough, the kernel's backing id for it. One per
/// inode, shared by all of the inode's opens: the kernel refuses a second backing file for one inode with
/// EIO, and a mixture of opens with and without. Closed when the last holder lets go.
class OpenImage {
 public:
  /// `file` is open for reading and writing, whatever the opener asked for: later openers share it.
  OpenImage(Connection& connection, Fd file);
  ~OpenImage();
  OpenImage(OpenImage const&) = delete;
  OpenImage& operator=(OpenImage const&) = delete;

  int fd() const noexcept { return file_.get(); }
  /// 0 without passthrough.
  int backing_id() const noexcept { return backing_id_; }

 private:
  Connection& connection_;  // outlives every open image
  Fd file_;
  int backing_id_;
};

}  // namespace templatefs::fusefs
