// SPDX-License-Identifier: Apache-2.0
#include "tests/support/loop_filesystem.h"

#include "base/child.h"
#include "base/error.h"
#include "base/loop_device.h"

#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::test {

LoopFilesystem::LoopFilesystem(std::string const& type, std::int64_t bytes) : mount_point_(dir_ / "mnt") {
  std::string const file = dir_ / "disk";
  {
    Fd const fd = open_at(AT_FDCWD, file, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(::ftruncate(fd.get(), bytes), "set the size of", file);
  }
  std::string const force = type == "ext4" ? "-F" : "-f";
  auto const made =
      run_command({"mkfs." + type, "-q", force, file}, Deadline::after(std::chrono::seconds(60)));
  if (!made.status.success()) throw Error(EIO, "format " + file + ": " + made.text);
  check(::mkdir(mount_point_.c_str(), 0755), "make", mount_point_);
  auto const device = LoopDevice::attach(file);
  check(::mount(device.path().c_str(), mount_point_.c_str(), type.c_str(), 0, "discard"), "mount",
        mount_point_);
  check(::chmod(mount_point_.c_str(), 01777), "set the mode of", mount_point_);
}

LoopFilesystem::~LoopFilesystem() {
  if (::umount2(mount_point_.c_str(), 0) != 0) ::umount2(mount_point_.c_str(), MNT_DETACH);
}

}  // namespace templatefs::test
