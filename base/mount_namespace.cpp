// SPDX-License-Identifier: Apache-2.0
#include "base/mount_namespace.h"

#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/user_namespace.h"

#include <cerrno>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
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

/// AppArmor, as Ubuntu has it, grants the namespace and refuses what is done in it: hence one failure for
/// both.
void enter_user_namespace() {
  auto const user = ::geteuid();
  auto const group = ::getegid();
  try {
    check(::unshare(CLONE_NEWUSER | CLONE_NEWNS), "make", "a user namespace for the mount");
    map_to_ourselves(user, group);
  } catch (Error const& error) {
    throw Error(error.err(), error.text(), user_namespace_remedy());
  }
}

/// What setns(2) makes of a root directory is the namespace's: in a chroot it has to be gone back to. 0 or an
/// errno.
int back_to(int root) noexcept {
  return ::fchdir(root) == 0 && ::chroot(".") == 0 ? 0 : errno;
}

/// As /proc numbers it, which may be that of another pid namespace than ours: proc(5), fdinfo of a pidfd.
Fd root_of(Fd const& process) {
  std::istringstream facts(read_file(AT_FDCWD, "/proc/self/fdinfo/" + std::to_string(process.get())));
  std::string number;
  for (std::string word; number.empty() && facts >> word;)
    if (word == "Pid:") facts >> number;
  return open_at(AT_FDCWD, "/proc/" + number + "/root", O_PATH | O_DIRECTORY);
}

}  // namespace

MountNamespace::MountNamespace() {
  Fd before = open_at(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY);
  Fd root = open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  if (::unshare(CLONE_NEWNS) == 0) {
    before_ = std::move(before);
    root_before_ = std::move(root);
  } else {
    enter_user_namespace();
  }
  if (::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) {
    int const err = errno;
    throw Error(err, "keep our mounts to ourselves",
                err == EINVAL
                    ? "In a chroot, / has to be a mount point: mount --bind its directory on itself."
                    : user_namespace_remedy());
  }
}

MountNamespace::~MountNamespace() {
  if (!before_) return;
  int const err = ::setns(before_.get(), CLONE_NEWNS) != 0 ? errno : back_to(root_before_.get());
  if (err != 0) spdlog::error("leave the mount namespace: {}", errno_words(err));
}

MountNamespaceOf::MountNamespaceOf(pid_t pid) : process_(open_pidfd(pid)) {
  if (!process_) throw_errno("pidfd_open", "the process of a mount namespace");
  root_ = root_of(process_);
}

int MountNamespaceOf::enter() const noexcept {
  // EINVAL: its user namespace is the one that we are in.
  bool const entered = ::setns(process_.get(), CLONE_NEWUSER | CLONE_NEWNS) == 0 ||
                       (errno == EINVAL && ::setns(process_.get(), CLONE_NEWNS) == 0);
  return entered ? back_to(root_.get()) : errno;
}

}  // namespace templatefs
