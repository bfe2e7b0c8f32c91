// SPDX-License-Identifier: Apache-2.0
#include "fusefs/mount_obstacle.h"

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/surroundings.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

/// docker's and podman's words for all that a container needs.
constexpr char kContainer[] = "--device /dev/fuse --cap-add SYS_ADMIN";

std::optional<MountObstacle> find_device_obstacle() {
  if (Fd const device{::open("/dev/fuse", O_RDWR | O_CLOEXEC)}) return std::nullopt;
  switch (errno) {
    case ENOENT:
      return MountObstacle{
          ENOENT, "there is no /dev/fuse",
          std::string("Load the module (modprobe fuse); start a container with ") + kContainer + "."};
    case ENODEV:
    case ENXIO:
      return MountObstacle{ENODEV, "the kernel has no FUSE", "Load the module: modprobe fuse"};
    case EPERM:
      return MountObstacle{EPERM, "the container's device rules deny /dev/fuse",
                           std::string("Start the container with ") + kContainer + "."};
    default:
      return MountObstacle{errno, "/dev/fuse may not be opened by this user",
                           "As root: chmod 0666 /dev/fuse; a directory for it must not be mounted nodev."};
  }
}

std::optional<MountObstacle> find_privilege_obstacle() {
  if (!can_have_sys_admin())
    return MountObstacle{
        EPERM, "nobody in this container may mount: CAP_SYS_ADMIN is missing",
        std::string("Start it with ") + kContainer +
            ", or try `templatefs run`, which needs a user namespace instead; or mount on the host and share "
            "that with the container (-v /mnt/templates:/mnt/templates:rslave)."};
  if (has_sys_admin()) return std::nullopt;
  if (find_on_path("fusermount3").empty())
    return MountObstacle{ENOPKG, "fusermount3 is not on PATH", "Install the fuse3 package"};
  // A setuid program that stays the user's.
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
    return MountObstacle{EPERM, "fusermount3 gets no privileges here (no_new_privs)",
                         "Use `templatefs run`, or start the container without "
                         "--security-opt no-new-privileges."};
  return std::nullopt;
}

}  // namespace

std::optional<MountObstacle> find_mount_obstacle(bool in_own_namespace) {
  if (::access("/proc/self/mountinfo", R_OK) != 0)
    return MountObstacle{errno, "there is no /proc", "Mount it: mount -t proc proc /proc"};
  if (auto device = find_device_obstacle()) return device;
  return in_own_namespace ? std::nullopt : find_privilege_obstacle();
}

void require_mountable(bool in_own_namespace) {
  if (auto const obstacle = find_mount_obstacle(in_own_namespace))
    throw Error(obstacle->err, "mount: " + obstacle->what, obstacle->remedy);
}

}  // namespace templatefs::fusefs
