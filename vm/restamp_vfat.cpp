// SPDX-License-Identifier: Apache-2.0
#include "vm/restamp_formats.h"

#include <algorithm>
#include <cerrno>

// The format: "Microsoft Extensible Firmware Initiative FAT32 File System Specification" 1.03 (fatgen103).
// What takes the place of a UUID is the volume's 32-bit serial number.
namespace templatefs::vm {

namespace {

constexpr std::size_t kBytes = 512;

// Offsets in the boot sector.
constexpr std::size_t kBytesPerSector = 11;
constexpr std::size_t kSectorsPerFat16 = 22;  // 0 on FAT32
constexpr std::size_t kBackupSector = 50;     // FAT32's
constexpr std::size_t kSignature16 = 38, kSerial16 = 39;
constexpr std::size_t kSignature32 = 66, kSerial32 = 67;
/// In front of a serial number, with or without a label behind it.
constexpr unsigned char kHasSerial = 0x28, kHasSerialAndLabel = 0x29;

}  // namespace

void restamp_vfat(ImageDraft& draft) {
  auto const boot = draft.edit(0, kBytes);
  bool const fat32 = boot.little<std::uint16_t>(kSectorsPerFat16) == 0;
  auto const signature = boot.bytes()[fat32 ? kSignature32 : kSignature16];
  if (signature != kHasSerial && signature != kHasSerialAndLabel)
    throw cannot_restamp("its boot sector has no serial number");
  auto const uuid = random_uuid();
  auto const stamp = [&](ImageFields const& sector) {
    std::copy_n(uuid.begin(), 4,
                sector.bytes().begin() + static_cast<std::ptrdiff_t>(fat32 ? kSerial32 : kSerial16));
  };
  stamp(boot);
  auto const backup = boot.little<std::uint16_t>(kBackupSector);
  if (!fat32 || backup == 0 || backup == 0xFFFF) return;
  auto const copy = draft.edit(std::int64_t{backup} * boot.little<std::uint16_t>(kBytesPerSector), kBytes);
  if (!copy.has(kBytes - 2, "\x55\xAA"))
    throw Error(EIO, "give an image a UUID of its own: its FAT32 has no backup of the boot sector");
  stamp(copy);
}

}  // namespace templatefs::vm
