// SPDX-License-Identifier: Apache-2.0
#include "base/data_cow.h"

#include <cerrno>

#include <linux/fs.h>
#include <sys/ioctl.h>

namespace templatefs {

namespace {

bool read_flags(int file, unsigned& flags) noexcept {
  return ::ioctl(file, FS_IOC_GETFLAGS, &flags) == 0;
}

}  // namespace

bool is_nocow(int file) noexcept {
  unsigned flags = 0;
  return read_flags(file, flags) && (flags & FS_NOCOW_FL) != 0;
}

int set_nocow(int file, bool nocow) noexcept {
  unsigned flags = 0;
  if (!read_flags(file, flags)) return errno;
  flags = nocow ? flags | FS_NOCOW_FL : flags & ~unsigned{FS_NOCOW_FL};
  return ::ioctl(file, FS_IOC_SETFLAGS, &flags) == 0 ? 0 : errno;
}

}  // namespace templatefs
