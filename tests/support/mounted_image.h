// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/mount.h>

namespace templatefs::test {

/// The filesystem in a disk image, mounted by this kernel for as long as the object lives. Needs root.
class MountedImage {
 public:
  /// `mount_point` is made if need be. Throws Error where the kernel refuses.
  MountedImage(std::string const& image, std::string const& type, std::string mount_point,
               unsigned long flags = 0);
  ~MountedImage();
  MountedImage(MountedImage const&) = delete;
  MountedImage& operator=(MountedImage const&) = delete;
  std::string const& path() const noexcept { return mount_point_; }

 private:
  std::string mount_point_;
};

/// Whether this kernel has the driver.
bool kernel_mounts(std::string const& type);

}  // namespace templatefs::test
