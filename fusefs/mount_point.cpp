// SPDX-License-Identifier: Apache-2.0
#include "fusefs/mount_point.h"

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_table.h"

#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

using namespace std::chrono_literals;

bool is_dead(std::string const& path) {
  // Not stat: the kernel answers that from its attribute cache for a while after the daemon's death.
  struct statvfs fs {};
  return ::statvfs(path.c_str(), &fs) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

void require_empty_directory(std::string const& path) {
  Fd const dir = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  bool empty = true;
  for_each_entry(dir.get(), ".", [&](std::string const&) { empty = false; });
  if (!empty)
    throw Error(ENOTEMPTY, "mount on " + path, "Its files would be hidden: give an empty directory.");
}

}  // namespace

std::string prepare_mount_point(std::string const& given) {
  if (::mkdir(given.c_str(), 0755) != 0 && errno != EEXIST && errno != ENOTCONN)
    throw_errno("make the mount point", given, "Make its parent directory, or give another path.");
  std::string const path = absolute_path(given);
  for (int round = 0; round < 8; ++round) {
    auto const there = mount_at(path);
    bool const dead = is_dead(path);
    if (there && there->type == kMountType && !dead)
      throw Error(EBUSY, path + " is a mounted templatefs already", "See `templatefs umount " + path + "`.");
    if (!dead) break;
    if (!there || there->type != kMountType)
      throw Error(ENOTCONN, "mount on " + path + ": a dead mount that is not ours lies there",
                  "Detach it: umount -l " + path);
    spdlog::info("{} was left by a daemon that is gone, taking it over", path);
    detach_mount(path, true);
  }
  require_empty_directory(path);
  return path;
}

bool detach_mount(std::string const& mount_point, bool lazy) {
  if (::geteuid() == 0) {
    if (::umount2(mount_point.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return true;
    if (errno == EBUSY) return false;
    throw_errno("unmount", mount_point);
  }
  std::vector<std::string> command{"fusermount3", "-u", "-q"};
  if (lazy) command.emplace_back("-z");
  command.push_back(mount_point);
  try {
    auto const output = run_command(command, Deadline::after(10s));
    if (output.status.success()) return true;
  } catch (Error const& error) {
    if (error.err() != ENOENT) throw;
    throw Error(ENOPKG, "unmount " + mount_point + ": fusermount3 is not on PATH",
                "Install the fuse3 package.");
  }
  if (!mount_at(mount_point)) return true;
  return false;
}

}  // namespace templatefs::fusefs
