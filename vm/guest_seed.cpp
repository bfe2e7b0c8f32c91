// SPDX-License-Identifier: Apache-2.0
#include "vm/guest_seed.h"

#include "base/error.h"
#include "vm/filesystem.h"

#include <cerrno>

namespace templatefs::vm {

namespace {

bool is_image(BuildSpec const& spec) {
  return spec.seed && spec.seed->kind == Seed::Kind::image;
}

bool announce_packing(Seed const& seed, PhaseListener const& on_phase) {
  bool const packing = must_be_packed(seed);
  if (packing && on_phase) on_phase("pack");
  return packing;
}

}  // namespace

void require_fillable(BuildSpec const& spec) {
  if (spec.seed && !spec.filesystem->holds_files())
    throw Error(EOPNOTSUPP,
                "fill " + std::string(spec.filesystem->name) + " from the seed " + spec.seed->path,
                "A seed goes into a filesystem that the guest can mount, which this is not");
}

std::vector<std::string> seed_modules(BuildSpec const& spec) {
  return is_image(spec) ? filesystem_in_image(*spec.seed).modules : std::vector<std::string>();
}

GuestSeed::GuestSeed(BuildSpec const& spec, SeedDisk::Surroundings const& surroundings,
                     PhaseListener const& on_phase)
    : spec_(spec),
      archiver_(find_archiver()),
      start_(Deadline::Clock::now()),
      packed_(announce_packing(*spec.seed, on_phase)),
      disk_(*spec.seed, archiver_, surroundings) {
  std::chrono::duration<double> const took = Deadline::Clock::now() - start_;
  if (packed_) packing_ = took.count();
}

std::string GuestSeed::disk_path() const {
  return "/proc/self/fd/" + std::to_string(disk_.file().get());
}

GuestFill GuestSeed::fill() const {
  GuestFill out;
  out.disk_size = disk_.bytes();
  if (is_image(spec_)) {
    out.disk_type = filesystem_in_image(*spec_.seed).mount_type;
    out.pack = pack_command_in_guest(kSeedMountInGuest + spec_.seed->subpath);
  }
  out.unpack =
      unpack_command_in_guest(is_image(spec_) ? "-" : kSeedDiskInGuest, kMountInGuest, disk_.textual_acls());
  out.overflow = does_not_fit(*spec_.seed, disk_.size(), spec_.capacity);
  return out;
}

}  // namespace templatefs::vm
