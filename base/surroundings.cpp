// SPDX-License-Identifier: Apache-2.0
#include "base/surroundings.h"

#include <cstdlib>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace templatefs {

bool has_capability(unsigned number) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  return ::syscall(SYS_capget, &header, sets) == 0 &&
         (sets[CAP_TO_INDEX(number)].effective & CAP_TO_MASK(number)) != 0;
}

bool has_sys_admin() noexcept {
  return has_capability(CAP_SYS_ADMIN);
}

bool can_have_sys_admin() noexcept {
  return has_sys_admin() || ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) > 0;
}

bool in_initial_user_namespace() noexcept {
  // PROC_USER_INIT_INO of the kernel's include/linux/proc_ns.h, the same on every boot.
  struct stat st {};
  return ::stat("/proc/self/ns/user", &st) == 0 && st.st_ino == 0xEFFFFFFD;
}

bool proc_shows_our_processes() noexcept {
  char name[32];
  auto const length = ::readlink("/proc/self", name, sizeof name - 1);
  if (length <= 0) return false;
  name[length] = '\0';
  return std::atoi(name) == ::getpid();
}

}  // namespace templatefs
