// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/loop_device.h"
#include "base/surroundings.h"
#include "cache/layout.h"
#include "cache/loop_store.h"
#include "cache/reflink.h"
#include "cli/doctor_checks.h"

#include <unistd.h>

namespace templatefs::cli {

namespace {

/// The filesystem that root's store gets where its place cannot reflink: what making it takes.
Finding check_loop(cache::ReflinkProbe const& probe, cache::Store::Options const& options) {
  constexpr char kCheck[] = "loop store";
  if (find_on_path("mkfs.xfs").empty() && find_on_path("mkfs.btrfs").empty())
    return in_trouble("loop/no-formatter", kCheck, "neither mkfs.xfs nor mkfs.btrfs is on PATH",
                      "apt-get install xfsprogs, or give a --store on btrfs or xfs.");
  auto const room = cache::LoopStore::room_in(probe.probed);
  auto const least = cache::LoopStore::kSmallestBytes;
  auto const wanted = options.loop_bytes.value_or(least);
  if (room < wanted || wanted < least)
    return in_trouble(
        "loop/no-room", kCheck,
        format("80 % of what is free in {} is {}, the least is {}{}", probe.probed, human_size(room),
               human_size(least), options.loop_bytes ? ", and it is to be " + human_size(wanted) : ""),
        "Give a --store on a filesystem with more room, or on btrfs or xfs; --store-size says how "
        "large it is to be.");
  try {
    Fd const file = make_unnamed_file(probe.probed);
    check(::ftruncate(file.get(), 1 << 20), "set the size of", probe.probed);
    LoopDevice::attach("/proc/self/fd/" + std::to_string(file.get())).discard();
  } catch (...) {
    return in_trouble("loop/no-device", kCheck, std::current_exception(),
                      "Load the module: modprobe loop; in a container, give it the loop devices. Or give a "
                      "--store on btrfs or xfs.");
  }
  return all_well(kCheck,
                  "`templatefs mount` makes a filesystem in " + cache::layout::loop_file(options.path));
}

/// A store keeps what it began with: only a new one gets a filesystem.
void examine_made(DoctorFindings& findings, cache::Store const& store) {
  if (store.rung() == cache::Rung::reflink)
    findings.push_back(all_well("reflink", store.explanation()));
  else
    findings.push_back(in_trouble("reflink/none", "reflink",
                                  store.explanation() + "; images are sparse copies",
                                  "A store that began with copies stays so: give another --store, on btrfs "
                                  "or xfs, or new and root's."));
}

void examine_new(DoctorFindings& findings, cache::Store::Options const& options) {
  auto const probe = cache::probe_reflink(options.path);
  auto const found = probe.describe(options.path);
  if (probe.works) {
    findings.push_back(all_well("reflink", found));
    return;
  }
  if (options.fan_out == cache::FanOutChoice::reflink_only) {
    findings.push_back(in_trouble("reflink/none", "reflink", found + "; so --fanout reflink is refused",
                                  "Give a --store on btrfs or xfs, or leave out --fanout."));
    return;
  }
  if (::geteuid() != 0) {
    findings.push_back(in_trouble("reflink/none", "reflink", found + "; images are sparse copies",
                                  "Give a --store on btrfs or xfs, or run as root, which makes a filesystem "
                                  "of its own."));
    return;
  }
  if (auto const why_not = cache::LoopStore::impossible()) {
    bool const may_load = in_initial_user_namespace() && has_sys_admin();
    findings.push_back(in_trouble(
        "reflink/none", "reflink",
        format("{}; no filesystem of the store's own: {}; images are sparse copies", found, *why_not),
        format(
            "Give a --store on btrfs or xfs, in a container as a volume{}.",
            may_load ? ", or load the module (modprobe loop) and give a container the loop devices" : "")));
    return;
  }
  auto const on = probe.type_name.empty() ? "" : " on " + probe.type_name;
  findings.push_back(all_well(
      "reflink", format("none{}, where {} will be; so it gets a filesystem of its own", on, options.path)));
  findings.push_back(attempt("loop/no-device", "loop store", [&] { return check_loop(probe, options); }));
}

}  // namespace

void examine_fan_out(DoctorFindings& findings, cache::Store::Options const& options,
                     cache::Store const* store) {
  if (options.fan_out == cache::FanOutChoice::copy_only)
    findings.push_back(all_well("reflink", "not asked for: with --fanout copy images are sparse copies"));
  else if (store != nullptr)
    examine_made(findings, *store);
  else
    examine_new(findings, options);
}

}  // namespace templatefs::cli
