// SPDX-License-Identifier: Apache-2.0
#include "base/mount_namespace.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs {

namespace {

void write_text(char const* path, std::string const& text) {
  Fd const file = open_at(AT_FDCWD, path, O_WRONLY);
  write_all(file.get(), text, path);
}

/// user_namespaces(7): without CAP_SETGID outside, setgroups(2) has to be given up before the group is
/// mapped.
void map_to_ourselves(uid_t user, gid_t group) {
  write_text("/proc/self/setgroups", "deny");
  write_text("/proc/self/uid_map", format("{} {} 1", user, user));
  write_text("/proc/self/gid_map", format("{} {} 1", group, group));
}

bool is_same_file(int left, int right) {
  struct stat one {};
  struct stat other {};
  return ::fstat(left, &one) == 0 && ::fstat(right, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

/// What setns(2) makes of a root directory is the namespace's: in a chroot it has to be gone back to. 0 or an
/// errno.
int enter_mounts(int mounts, int root) noexcept {
  if (::setns(mounts, CLONE_NEWNS) != 0 || ::fchdir(root) != 0 || ::chroot(".") != 0) return errno;
  return 0;
}

Fd namespace_of(std::string const& process, char const* kind) {
  return open_at(AT_FDCWD, "/proc/" + process + "/ns/" + kind, O_RDONLY);
}

}  // namespace

MountNamespace::MountNamespace() {
  Fd before = namespace_of("self", "mnt");
  Fd root = open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  if (::unshare(CLONE_NEWNS) == 0) {
    before_ = std::move(before);
    root_before_ = std::move(root);
  } else {
    auto const user = ::geteuid();
    auto const group = ::getegid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
      throw Error(
          errno, "make a mount namespace",
          "Users other than root need user namespaces for it: look at the sysctls user.max_user_namespaces, "
          "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns, or use "
          "`templatefs mount`.");
    map_to_ourselves(user, group);
  }
  if (::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0)
    throw_errno("keep to ourselves", "our mounts",
                errno == EINVAL
                    ? "In a chroot, / has to be a mount point: mount --bind its directory on itself."
                    : "");
}

MountNamespace::~MountNamespace() {
  if (!before_) return;
  if (int const err = enter_mounts(before_.get(), root_before_.get()); err != 0)
    spdlog::error("leave the mount namespace: {}", errno_words(err));
}

MountNamespaceOf::MountNamespaceOf(pid_t pid)
    : users_(namespace_of(std::to_string(pid), "user")),
      mounts_(namespace_of(std::to_string(pid), "mnt")),
      root_(open_at(AT_FDCWD, "/proc/" + std::to_string(pid) + "/root", O_PATH | O_DIRECTORY)) {
  // To enter the one that we are in is an error.
  if (is_same_file(users_.get(), namespace_of("self", "user").get())) users_.reset();
}

int MountNamespaceOf::enter() const noexcept {
  if (users_ && ::setns(users_.get(), CLONE_NEWUSER) != 0) return errno;
  return enter_mounts(mounts_.get(), root_.get());
}

}  // namespace templatefs
