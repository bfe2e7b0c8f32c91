// SPDX-License-Identifier: Apache-2.0
// QEMU's docs/interop/qcow2.txt.
#include "base/printable.h"
#include "vm/disk_tables.h"

#include <algorithm>
#include <bit>

namespace templatefs::vm {

namespace {

constexpr std::uint64_t kOffsetMask = 0x00ff'ffff'ffff'fe00;
constexpr std::uint64_t kCompressed = 1ULL << 62;
constexpr std::uint64_t kReadsAsZeroes = 1;
constexpr std::uint64_t kExternalData = 1 << 2, kExtendedEntries = 1 << 4;  // incompatible features
constexpr std::int64_t kSector = 512;
constexpr std::int64_t kL1Limit = 32 << 20;  // QEMU's own

struct Header {
  explicit Header(TableFile const& file) {
    auto const bytes = file.read(0, 72);
    backing_offset = big64(bytes, 8);
    backing_size = big32(bytes, 16);
    cluster_bits = big32(bytes, 20);
    size = static_cast<std::int64_t>(big64(bytes, 24));
    l1_entries = big32(bytes, 36);
    l1_offset = static_cast<std::int64_t>(big64(bytes, 40));
    if (big32(bytes, 4) >= 3) features = big64(file.read(72, 8), 0);
  }
  std::int64_t cluster() const { return std::int64_t{1} << cluster_bits; }
  std::int64_t entry() const { return (features & kExtendedEntries) != 0 ? 16 : 8; }

  std::uint64_t backing_offset;
  std::uint32_t backing_size;
  std::uint32_t cluster_bits;
  std::int64_t size;  // of the disk
  std::int64_t l1_entries;
  std::int64_t l1_offset;
  std::uint64_t features = 0;
};

/// Where the data of one entry end in the file, `wanted` bytes of its cluster being on the disk; 0 for none.
std::int64_t end_of_entry(Header const& header, std::string const& table, std::size_t at,
                          std::int64_t wanted) {
  auto const entry = big64(table, at);
  if ((entry & kCompressed) != 0) {
    // The more bits an offset needs, the fewer are left for the number of further sectors.
    auto const offset_bits = 62 - (header.cluster_bits - 8);
    auto const offset = static_cast<std::int64_t>(entry & ((1ULL << offset_bits) - 1));
    auto const sectors = static_cast<std::int64_t>((entry & (kCompressed - 1)) >> offset_bits);
    return (offset / kSector + 1 + sectors) * kSector;
  }
  auto const offset = static_cast<std::int64_t>(entry & kOffsetMask);
  if (offset == 0) return 0;
  if (header.entry() == 8) return (entry & kReadsAsZeroes) != 0 ? 0 : offset + wanted;
  // A bit for each of 32 subclusters that is there.
  auto const present = static_cast<std::uint32_t>(big64(table, at + 8));
  auto const subclusters = 32 - std::countl_zero(present);
  return subclusters == 0 ? 0 : offset + std::min(header.cluster() / 32 * subclusters, wanted);
}

}  // namespace

void require_self_contained_qcow2(TableFile const& file) {
  Header const header(file);
  if ((header.features & kExternalData) != 0)
    file.refuse("its data are in another file",
                "Make one file of it: qemu-img convert -O qcow2 OLD NEW.qcow2.");
  if (header.backing_offset == 0) return;
  auto const size = std::min<std::uint32_t>(header.backing_size, 1023);
  auto const name = file.read(static_cast<std::int64_t>(header.backing_offset), size);
  file.refuse("it is an overlay of another image, " + printable(name),
              "Make one file of both: qemu-img convert -O qcow2 OVERLAY NEW.qcow2.");
}

std::int64_t end_of_qcow2(TableFile const& file) {
  Header const header(file);
  if (header.cluster_bits < 9 || header.cluster_bits > 21 || header.l1_entries * 8 > kL1Limit ||
      header.size < 0)
    file.refuse("its header is damaged");
  auto const cluster = header.cluster();
  auto const l1 = file.read(header.l1_offset, header.l1_entries * 8);
  auto const in_table = cluster / header.entry();
  std::int64_t end = header.l1_offset + header.l1_entries * 8;
  for (std::int64_t each = 0; each < header.l1_entries && each * in_table * cluster < header.size; ++each) {
    auto const at = static_cast<std::int64_t>(big64(l1, static_cast<std::size_t>(each) * 8) & kOffsetMask);
    if (at == 0) continue;
    auto const table = file.read(at, cluster);
    end = std::max(end, at + cluster);
    for (std::int64_t slot = 0; slot < in_table; ++slot) {
      auto const left = header.size - (each * in_table + slot) * cluster;
      if (left <= 0) break;
      end = std::max(end, end_of_entry(header, table, static_cast<std::size_t>(slot * header.entry()),
                                       std::min(left, cluster)));
    }
  }
  return end;
}

}  // namespace templatefs::vm
