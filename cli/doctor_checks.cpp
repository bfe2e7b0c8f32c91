// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_checks.h"

#include "fusefs/mount.h"

#include <algorithm>
#include <exception>

namespace templatefs::cli {

namespace {

/// What the files say; where they cannot be read, all else is looked at as if there were none.
Config examine_config(DoctorFindings& findings, ConfigOptions const& options) {
  try {
    auto config = options.load();
    (void)config.recipe_book();
    std::string files;
    for (auto const& each : config.files) files += (files.empty() ? "" : ", ") + each;
    findings.push_back(all_well("config", files.empty() ? "no file, the defaults hold" : files));
    return config;
  } catch (...) {
    findings.push_back(in_trouble("config/invalid", "config", std::current_exception(),
                                  "See templatefs.toml(5); every command fails until it is mended."));
    return {};
  }
}

bool any(DoctorFindings const& findings, std::string_view check, Verdict verdict) {
  return std::any_of(findings.begin(), findings.end(),
                     [&](Finding const& each) { return each.check == check && each.verdict == verdict; });
}

}  // namespace

DoctorFindings examine(ConfigOptions const& config_options, StoreOptions store_options,
                       BuilderOptions builder_options) {
  DoctorFindings findings;
  fusefs::block_end_signals();
  auto const config = examine_config(findings, config_options);
  store_options.fill_from(config);
  builder_options.fill_from(config);
  auto const store = examine_store(findings, store_options);
  auto const* const opened = store ? &*store : nullptr;
  examine_rights(findings);
  examine_programs(findings);
  // Without the device there is nothing more to learn from trying, nor that a store is full from mounting it.
  auto const* const with_room = any(findings, "space", Verdict::fail) ? nullptr : opened;
  if (!any(findings, "fuse", Verdict::fail)) examine_mount(findings, builder_options, with_room);
  if (builder_options.builder != "host") examine_guest(findings, builder_options, with_room, config.recipes);
  examine_system(findings);
  return findings;
}

}  // namespace templatefs::cli
