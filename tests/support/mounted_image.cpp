// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mounted_image.h"

#include "base/error.h"
#include "base/files.h"
#include "base/loop_device.h"

#include <gtest/gtest.h>

#include <fcntl.h>

namespace templatefs::test {

MountedImage::MountedImage(std::string const& image, std::string const& type, std::string mount_point,
                           unsigned long flags)
    : mount_point_(std::move(mount_point)) {
  make_directories(AT_FDCWD, mount_point_, 0700);
  auto const device = LoopDevice::attach(image);
  check(::mount(device.path().c_str(), mount_point_.c_str(), type.c_str(), flags, nullptr), "mount", image);
}

MountedImage::~MountedImage() {
  EXPECT_EQ(::umount(mount_point_.c_str()), 0);
}

bool kernel_mounts(std::string const& type) {
  return ("\n" + read_file(AT_FDCWD, "/proc/filesystems")).find("\t" + type + "\n") != std::string::npos;
}

}  // namespace templatefs::test
