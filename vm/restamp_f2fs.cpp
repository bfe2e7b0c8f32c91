// SPDX-License-Identifier: Apache-2.0
#include "vm/crc32.h"
#include "vm/restamp_formats.h"

#include <array>
#include <cerrno>

// The format: "Flash-Friendly File System" in the kernel's documentation,
// https://docs.kernel.org/filesystems/f2fs.html, and struct f2fs_super_block of include/linux/f2fs_fs.h.
namespace templatefs::vm {

namespace {

constexpr std::size_t kBytes = 3072;
/// 1024 bytes into each of the first two blocks.
constexpr std::array<std::int64_t, 2> kCopies{1024, 4096 + 1024};
constexpr std::uint32_t kMagic = 0xF2F52010;

// Offsets in a superblock.
constexpr std::size_t kChecksumOffset = 32;
constexpr std::size_t kUuid = 108;
constexpr std::size_t kFeatures = 2180;

constexpr std::uint32_t kInodeChecksum = 0x20, kSuperblockChecksum = 0x800;

}  // namespace

void restamp_f2fs(ImageDraft& draft) {
  auto const uuid = random_uuid();
  for (auto const offset : kCopies) {
    auto const superblock = draft.edit(offset, kBytes);
    if (superblock.little<std::uint32_t>(0) != kMagic)
      throw Error(EIO, "give an image a UUID of its own: one of its two f2fs superblocks is missing");
    auto const features = superblock.little<std::uint32_t>(kFeatures);
    if ((features & kInodeChecksum) != 0)
      throw cannot_restamp("the checksums of its inodes begin with the UUID (inode_checksum)",
                           "Leave inode_checksum out of mkfs_args.");
    superblock.set_uuid(kUuid, uuid);
    if ((features & kSuperblockChecksum) == 0) continue;
    auto const end = superblock.little<std::uint32_t>(kChecksumOffset);
    if (end > kBytes - sizeof(std::uint32_t))
      throw Error(EIO, "give an image a UUID of its own: its f2fs superblock makes no sense");
    superblock.set_little(end, crc32(kMagic, superblock.bytes().first(end)));
  }
}

}  // namespace templatefs::vm
