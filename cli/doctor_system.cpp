// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "base/mount_table.h"
#include "cli/doctor_checks.h"
#include "fusefs/mount_point.h"

#include <cerrno>
#include <filesystem>

#include <sys/statvfs.h>

namespace templatefs::cli {

namespace {

namespace fs = std::filesystem;

void check_dead_mounts(DoctorFindings& findings) {
  for (auto const& mount : read_mount_table()) {
    struct statvfs look {};
    if (mount.type == fusefs::kMountType && ::statvfs(mount.mount_point.c_str(), &look) != 0 &&
        errno == ENOTCONN)
      findings.push_back(in_trouble(
          "dead-mount/left", "dead mount", mount.mount_point + " was left by a daemon that is gone",
          "`templatefs mount` there takes it over, or: umount -l " + mount.mount_point));
  }
}

/// mount(8) looks into /sbin and nowhere else. A program that was not installed has no helper to be found.
Finding check_mount_helper() {
  constexpr char kCheck[] = "mount helper";
  constexpr char kHelper[] = "/sbin/mount.templatefs";
  std::error_code ignored;
  if (fs::exists(kHelper, ignored))
    return all_well(kCheck, std::string(kHelper) + ", for mount(8) and fstab");
  auto const program = fs::read_symlink("/proc/self/exe", ignored);
  auto const installed = program.parent_path().parent_path() / "sbin/mount.templatefs";
  if (!fs::exists(installed, ignored))
    return all_well(kCheck, "not installed; `templatefs mount` does without");
  return in_trouble("mount-helper/elsewhere", kCheck,
                    installed.string() + " is not where mount(8) and fstab look for it, " + kHelper,
                    format("ln -s {} {}, or install with the prefix /usr.", installed.string(), kHelper));
}

}  // namespace

void examine_system(DoctorFindings& findings) {
  check_dead_mounts(findings);
  findings.push_back(attempt("mount-helper/elsewhere", "mount helper", check_mount_helper));
}

}  // namespace templatefs::cli
