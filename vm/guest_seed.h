// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/builder.h"
#include "vm/guest_job.h"
#include "vm/seed_disk.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// Throws Error(EOPNOTSUPP) where the spec has a seed and nothing that the guest could mount.
void require_fillable(BuildSpec const& spec);

/// Modules that the guest needs for the seed: those of an image's filesystem. Throws as filesystem_in_image.
std::vector<std::string> seed_modules(BuildSpec const& spec);

/// The seed of one build on its way into its guest.
class GuestSeed {
 public:
  /// Requires a spec with a seed that has room. Reports the phase "pack" where a tar has to be written.
  /// Throws as find_archiver and SeedDisk do.
  GuestSeed(BuildSpec const& spec, SeedDisk::Surroundings const& surroundings, PhaseListener const& on_phase);

  Archiver const& archiver() const noexcept { return archiver_; }
  /// A path for the guest's second disk, for as long as this object lives.
  std::string disk_path() const;
  GuestFill fill() const;
  /// Seconds, where a tar was written.
  std::optional<double> packing() const noexcept { return packing_; }
  void require_unchanged() const { disk_.require_unchanged(); }

 private:
  BuildSpec const& spec_;
  Archiver archiver_;
  Deadline::Clock::time_point start_;
  bool packed_;
  SeedDisk disk_;
  std::optional<double> packing_;
};

}  // namespace templatefs::vm
