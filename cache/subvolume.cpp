// SPDX-License-Identifier: Apache-2.0
#include "cache/subvolume.h"

#include "base/data_cow.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

btrfs_ioctl_vol_args arguments_for(std::string const& name) {
  btrfs_ioctl_vol_args arguments{};
  if (name.size() >= sizeof arguments.name) throw Error(ENAMETOOLONG, "make subvolume " + name);
  std::memcpy(arguments.name, name.c_str(), name.size() + 1);
  return arguments;
}

bool is_subvolume(int dir, std::string const& name) {
  // btrfs gives the root directory of each subvolume inode number 256.
  struct stat st {};
  Fd const fd = open_at_if_exists(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return fd && ::fstat(fd.get(), &st) == 0 && st.st_ino == 256 && is_on(fd.get(), BTRFS_SUPER_MAGIC);
}

}  // namespace

void make_subvolume_or_directory(int dir, std::string const& name) {
  struct statfs fs {};
  check(::fstatfs(dir, &fs), "statfs", "a session");
  if (static_cast<unsigned long>(fs.f_type) == BTRFS_SUPER_MAGIC) {
    auto arguments = arguments_for(name);
    if (::ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &arguments) == 0) {
      check(::fchmodat(dir, name.c_str(), 0700, 0), "set the mode of", name);
      if (is_nocow(dir)) {
        Fd const made = open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (int const err = set_nocow(made.get(), true); err != 0)
          throw Error(err, "set the attribute C of " + name);
      }
      return;
    }
    if (errno == EEXIST) throw_errno("make subvolume", name);
  }
  check(::mkdirat(dir, name.c_str(), 0700), "make directory", name);
}

void remove_subvolume_or_directory(int dir, std::string const& name) {
  if (is_subvolume(dir, name)) {
    auto arguments = arguments_for(name);
    if (::ioctl(dir, BTRFS_IOC_SNAP_DESTROY, &arguments) == 0) return;
    if (errno != EPERM && errno != EACCES) throw_errno("remove subvolume", name);
    // An ordinary user may remove an empty subvolume like a directory (Linux 4.18).
  }
  remove_tree(dir, name);
}

}  // namespace templatefs::cache
