// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/doctor_findings.h"
#include "cli/setup.h"

#include <optional>
#include <string>
#include <vector>

namespace templatefs::cli {

using DoctorFindings = std::vector<Finding>;

/// Tries everything that templatefs needs. Leaves nothing behind; makes no store where there is none.
DoctorFindings examine(ConfigOptions const& config, StoreOptions store, BuilderOptions builder);

// Its parts, each in a file of its own.

/// The store and what it is on; returned if it is there and can be used.
std::optional<cache::Store> examine_store(DoctorFindings& findings, StoreOptions const& options);
/// How images are made there: by reflink, in a filesystem of the store's own, or as copies. Throws Error
/// where nothing can be written.
void examine_fan_out(DoctorFindings& findings, cache::Store::Options const& options,
                     cache::Store const* store);
/// Who we are and may do. Before a second thread.
void examine_rights(DoctorFindings& findings);
/// A real mount of our own for a moment, and a real image in it.
void examine_mount(DoctorFindings& findings, BuilderOptions const& options, cache::Store const* store);
/// What is called for on PATH.
void examine_programs(DoctorFindings& findings);
/// The template guest, and the kernels that recipes have of their own.
void examine_guest(DoctorFindings& findings, BuilderOptions const& options, cache::Store const* store,
                   std::vector<cache::Recipe> const& recipes);
/// Mounts that are dead, and mount(8)'s way to us.
void examine_system(DoctorFindings& findings);

}  // namespace templatefs::cli
