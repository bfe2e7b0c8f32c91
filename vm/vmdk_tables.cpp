// SPDX-License-Identifier: Apache-2.0
// VMware's "Virtual Disk Format 5.0": hosted sparse extents, compressed ones included.
#include "base/error.h"
#include "base/fd.h"
#include "vm/disk_tables.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include <sys/stat.h>

namespace templatefs::vm {

namespace {

constexpr std::int64_t kSector = 512;
constexpr std::uint32_t kZeroGrains = 1 << 2, kCompressed = 1 << 16, kMarkers = 1 << 17;
constexpr std::uint64_t kDirectoryAtEnd = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kEntries = 512;                                            // in a grain table
constexpr std::int64_t kMaxGrain = 1 << 17;                                       // sectors, QEMU's own limit
constexpr std::int64_t kDescriptorAt = kSector, kDescriptorLimit = 20 * kSector;  // where QEMU looks for it

struct Header {
  Header(TableFile const& file, std::int64_t offset) {
    auto const bytes = file.read(offset, kSector);
    flags = little32(bytes, 8);
    capacity = little64(bytes, 12);
    grain = little64(bytes, 20);
    descriptor = little64(bytes, 28);
    entries = little32(bytes, 44);
    directory = little64(bytes, 56);
  }
  std::uint32_t flags;
  std::uint64_t capacity, grain, descriptor;  // sectors
  std::uint32_t entries;                      // in a grain table
  std::uint64_t directory;
};

std::string descriptor_of(TableFile const& file) {
  struct stat st {};
  check(::fstat(file.file.get(), &st), "stat", file.subject);
  return file.read(kDescriptorAt, std::clamp<std::int64_t>(st.st_size - kDescriptorAt, 0, kDescriptorLimit));
}

bool is_extent(std::string const& line) {
  return line.starts_with("RW ") || line.starts_with("RDONLY ") || line.starts_with("NOACCESS ");
}

/// The header that counts: a disk that was written as a stream has a second one in front of its last sector.
Header find_header(TableFile const& file) {
  Header const first(file, 0);
  if (first.directory != kDirectoryAtEnd) return first;
  struct stat st {};
  check(::fstat(file.file.get(), &st), "stat", file.subject);
  auto const at = st.st_size - 2 * kSector;
  if (at <= 0 || !file.read(at, 4).starts_with("KDMV"))
    file.refuse("it is cut short: its directory is to be at its end, byte " + std::to_string(st.st_size));
  return {file, at};
}

std::int64_t end_of_grain(TableFile const& file, Header const& header, std::int64_t sector,
                          std::int64_t wanted) {
  if (sector == 0 || (sector == 1 && (header.flags & kZeroGrains) != 0)) return 0;
  if ((header.flags & kCompressed) == 0) return (sector + wanted) * kSector;
  if ((header.flags & kMarkers) == 0) return sector * kSector + 1;
  constexpr std::int64_t kMarker = 12;
  return sector * kSector + kMarker + little32(file.read(sector * kSector, kMarker), 8);
}

}  // namespace

void require_self_contained_vmdk(TableFile const& file) {
  constexpr char kRemedy[] = "Make one file of it: qemu-img convert -O qcow2 OLD.vmdk NEW.qcow2.";
  Header const header(file, 0);
  // QEMU would take the extents that the descriptor names.
  if (header.capacity == 0) file.refuse("it only describes a disk, which is in other files", kRemedy);
  auto const descriptor = descriptor_of(file);
  if (header.descriptor == 0 || descriptor.find("createType") == std::string::npos)
    file.refuse("it is one of several files of a disk", kRemedy);
  if (descriptor.find("parentFileNameHint") != std::string::npos)
    file.refuse("it is an overlay of another image", kRemedy);
  std::istringstream lines(descriptor);
  unsigned extents = 0;
  for (std::string line; std::getline(lines, line);) extents += is_extent(line) ? 1 : 0;
  if (extents > 1) file.refuse("it describes a disk in " + std::to_string(extents) + " files", kRemedy);
}

std::int64_t end_of_vmdk(TableFile const& file) {
  auto const header = find_header(file);
  auto const sectors = static_cast<std::int64_t>(header.capacity);
  auto const grain = static_cast<std::int64_t>(header.grain);
  if (grain <= 0 || grain > kMaxGrain || header.entries != kEntries || sectors <= 0 ||
      sectors > std::numeric_limits<std::int64_t>::max() / kSector)
    file.refuse("its header is damaged");
  auto const in_table = grain * kEntries;
  std::int64_t end = 0;
  for (std::int64_t start = 0, each = 0; start < sectors; start += in_table, ++each) {
    auto const slot = (static_cast<std::int64_t>(header.directory) & 0xffff'ffff'ffff) * kSector + each * 4;
    std::int64_t const at = little32(file.read(slot, 4), 0) * kSector;
    if (at == 0) continue;
    auto const table = file.read(at, kEntries * 4);
    for (std::int64_t entry = 0; entry < kEntries && start + entry * grain < sectors; ++entry)
      end = std::max(end, end_of_grain(file, header, little32(table, static_cast<std::size_t>(entry) * 4),
                                       std::min(grain, sectors - start - entry * grain)));
  }
  return end;
}

}  // namespace templatefs::vm
