// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <string>

namespace templatefs {

/// A loop device over a file, with direct I/O where the file's filesystem allows it. The kernel frees the
/// device when its last user is gone (LO_FLAGS_AUTOCLEAR): this object, or a mount made from it. Needs root.
class LoopDevice {
 public:
  /// Throws Error; ENOENT or EPERM where the machine has no loop devices or we may not use them.
  static LoopDevice attach(std::string const& file);

  /// Gives up a device that nothing was mounted from, and its node in /dev where attach() had to make that. A
  /// mount of it leaves the node: it is how the mount table names the device.
  void discard() noexcept;

  std::string const& path() const noexcept { return path_; }

 private:
  LoopDevice(Fd fd, std::string path, bool made_node)
      : fd_(std::move(fd)), path_(std::move(path)), made_node_(made_node) {}
  Fd fd_;
  std::string path_;
  bool made_node_;
};

/// Whether this is the path of a loop device over the open file, as the kernel tells; no sysfs is needed.
/// False for any other device, and for one that we may not open.
bool is_loop_over(std::string const& device, int file);

}  // namespace templatefs
