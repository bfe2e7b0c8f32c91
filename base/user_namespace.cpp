// SPDX-License-Identifier: Apache-2.0
#include "base/user_namespace.h"

#include "base/error.h"
#include "base/files.h"

#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs {

namespace {

/// A file below /proc without the white space around it; empty where it cannot be read.
std::string text_of(std::string const& path) {
  try {
    std::istringstream text(read_file(AT_FDCWD, path, 4096));
    std::string line;
    std::getline(text >> std::ws, line);
    return line;
  } catch (Error const&) {
    return {};
  }
}

bool is_in_chroot() {
  struct stat ours {};
  struct stat of_init {};
  return ::stat("/", &ours) == 0 && ::stat("/proc/1/root/.", &of_init) == 0 &&
         (ours.st_ino != of_init.st_ino || ours.st_dev != of_init.st_dev);
}

struct Forbids {
  char const* sysctl;
  char const* file;
  char const* value;
  char const* allowing;
};
constexpr Forbids kSysctls[] = {
    {"user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", "0", "15000"},
    {"kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", "0", "1"},
    {"kernel.apparmor_restrict_unprivileged_userns", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
     "1", "0"},
};

}  // namespace

std::string user_namespace_remedy() {
  std::string commands;
  for (auto const& each : kSysctls)
    if (text_of(each.file) == each.value)
      commands +=
          std::string(commands.empty() ? "" : " && ") + "sysctl -w " + each.sysctl + "=" + each.allowing;
  std::string remedy = "Users other than root need user namespaces for it. ";
  if (!commands.empty())
    remedy += "As root: " + commands + ".";
  else if (is_in_chroot())
    remedy += "The kernel grants none in a chroot.";
  else
    remedy +=
        "No sysctl forbids them here: a security module does, or a container's seccomp profile, which "
        "--cap-add SYS_ADMIN opens.";
  return remedy + " `templatefs mount` does without.";
}

}  // namespace templatefs
