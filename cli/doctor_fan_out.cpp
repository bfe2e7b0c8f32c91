// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/loop_device.h"
#include "cache/layout.h"
#include "cache/reflink.h"
#include "cli/doctor_checks.h"

#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

constexpr std::int64_t kLeastRoom = std::int64_t{512} << 20;

/// As much as cache/loop_store.cpp would take.
std::int64_t room_for_store(std::string const& directory) {
  struct statvfs fs {};
  check(::statvfs(directory.c_str(), &fs), "statfs", directory);
  return static_cast<std::int64_t>(fs.f_bavail) * static_cast<std::int64_t>(fs.f_frsize) / 10 * 8;
}

/// The filesystem that root's store gets where its place cannot reflink: what making it takes.
Finding check_loop(cache::ReflinkProbe const& probe, std::string const& path) {
  constexpr char kCheck[] = "loop store";
  if (find_on_path("mkfs.xfs").empty() && find_on_path("mkfs.btrfs").empty())
    return in_trouble("loop/no-formatter", kCheck, "neither mkfs.xfs nor mkfs.btrfs is on PATH",
                      "apt-get install xfsprogs, or give a --store on btrfs or xfs.");
  auto const room = room_for_store(probe.probed);
  if (room < kLeastRoom)
    return in_trouble(
        "loop/no-room", kCheck,
        format("80 % of what is free in {} is {}, the least is 512M", probe.probed, human_size(room)),
        "Give a --store on a filesystem with more room, or on btrfs or xfs.");
  try {
    Fd const file = make_unnamed_file(probe.probed);
    check(::ftruncate(file.get(), 1 << 20), "set the size of", probe.probed);
    (void)LoopDevice::attach("/proc/self/fd/" + std::to_string(file.get()));
  } catch (...) {
    return in_trouble("loop/no-device", kCheck, std::current_exception(),
                      "Load the module: modprobe loop; in a container, give it the loop devices. Or give a "
                      "--store on btrfs or xfs.");
  }
  return all_well(kCheck, "`templatefs mount` makes a filesystem in " + cache::layout::loop_file(path));
}

}  // namespace

void examine_fan_out(DoctorFindings& findings, std::string const& path, cache::Store const* store) {
  if (store != nullptr && store->has_own_filesystem()) {
    findings.push_back(all_well("reflink", store->explanation()));
    return;
  }
  auto const probe = cache::probe_reflink(path);
  if (probe.works) {
    findings.push_back(all_well("reflink", probe.describe(path)));
  } else if (::geteuid() == 0 && store == nullptr) {
    auto const on = probe.type_name.empty() ? "" : " on " + probe.type_name;
    findings.push_back(all_well(
        "reflink", format("none{}, where {} will be; so it gets a filesystem of its own", on, path)));
    findings.push_back(attempt("loop/no-device", "loop store", [&] { return check_loop(probe, path); }));
  } else {
    findings.push_back(in_trouble("reflink/none", "reflink",
                                  probe.describe(path) + "; images are sparse copies",
                                  "Give a --store on btrfs or xfs, or run as root, which makes a filesystem "
                                  "of its own."));
  }
}

}  // namespace templatefs::cli
