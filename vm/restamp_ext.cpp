// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "vm/crc32.h"
#include "vm/restamp_formats.h"

#include <cerrno>

// The format: "ext4 Data Structures and Algorithms" in the kernel's documentation,
// https://docs.kernel.org/filesystems/ext4/, "Super Block" and "Layout".
//
// With metadata_csum every checksum begins with one of the UUID, unless the superblock holds a seed for them:
// so that seed is set to what the UUID gave (metadata_csum_seed, Linux 4.4), and no other block changes.
namespace templatefs::vm {

namespace {

constexpr std::size_t kBytes = 1024;
constexpr std::int64_t kPrimary = 1024;

// Offsets in a superblock.
constexpr std::size_t kBlocks = 0x04;
constexpr std::size_t kFirstDataBlock = 0x14;
constexpr std::size_t kLogBlockSize = 0x18;
constexpr std::size_t kBlocksPerGroup = 0x20;
constexpr std::size_t kMagic = 0x38;
constexpr std::size_t kCompatible = 0x5c;
constexpr std::size_t kIncompatible = 0x60;
constexpr std::size_t kReadOnlyCompatible = 0x64;
constexpr std::size_t kUuid = 0x68;
constexpr std::size_t kBlocksHigh = 0x150;
constexpr std::size_t kBackupGroups = 0x24c;  // two, with sparse_super2
constexpr std::size_t kChecksumSeed = 0x270;
constexpr std::size_t kChecksum = 0x3fc;  // of all before it

constexpr std::uint32_t kSparseSuper2 = 0x200, kStableInodes = 0x800;                    // compatible
constexpr std::uint32_t k64Bit = 0x80, kHasChecksumSeed = 0x2000;                        // incompatible
constexpr std::uint32_t kSparseSuper = 0x1, kGdtChecksum = 0x10, kMetadataCsum = 0x400;  // read-only

/// The primary superblock's place first, then its copies'.
std::vector<std::int64_t> find_superblocks(ImageFields const& primary) {
  auto const log_block_size = primary.little<std::uint32_t>(kLogBlockSize);
  std::uint64_t const first = primary.little<std::uint32_t>(kFirstDataBlock);
  std::uint64_t const per_group = primary.little<std::uint32_t>(kBlocksPerGroup);
  std::uint64_t blocks = primary.little<std::uint32_t>(kBlocks);
  if ((primary.little<std::uint32_t>(kIncompatible) & k64Bit) != 0)
    blocks |= std::uint64_t{primary.little<std::uint32_t>(kBlocksHigh)} << 32;
  if (per_group == 0 || blocks <= first || log_block_size > 6)
    throw Error(EIO, "give an image a UUID of its own: its ext superblock makes no sense");
  auto const groups = (blocks - first + per_group - 1) / per_group;

  std::vector<std::int64_t> out{kPrimary};
  auto const add = [&](std::uint64_t group) {
    if (group != 0 && group < groups)
      out.push_back(static_cast<std::int64_t>((first + group * per_group) * 1024 << log_block_size));
  };
  if ((primary.little<std::uint32_t>(kCompatible) & kSparseSuper2) != 0) {
    add(primary.little<std::uint32_t>(kBackupGroups));
    add(primary.little<std::uint32_t>(kBackupGroups + 4));
  } else if ((primary.little<std::uint32_t>(kReadOnlyCompatible) & kSparseSuper) != 0) {
    add(1);
    for (std::uint64_t const base : {3, 5, 7})
      for (std::uint64_t group = base; group < groups; group *= base) add(group);
  } else {
    for (std::uint64_t group = 1; group < groups; ++group) add(group);
  }
  return out;
}

void stamp(ImageFields const& superblock, Uuid const& uuid) {
  if ((superblock.little<std::uint32_t>(kReadOnlyCompatible) & kMetadataCsum) != 0) {
    auto const features = superblock.little<std::uint32_t>(kIncompatible);
    if ((features & kHasChecksumSeed) == 0) {
      superblock.set_little(kIncompatible, features | kHasChecksumSeed);
      superblock.set_little(kChecksumSeed, crc32c(~0U, superblock.uuid(kUuid)));
    }
  }
  superblock.set_uuid(kUuid, uuid);
  if ((superblock.little<std::uint32_t>(kReadOnlyCompatible) & kMetadataCsum) != 0)
    superblock.set_little(kChecksum, crc32c(~0U, superblock.bytes().first(kChecksum)));
}

}  // namespace

void restamp_ext(ImageDraft& draft) {
  auto bytes = draft.read(kPrimary, kBytes);
  ImageFields const primary(bytes);
  auto const read_only = primary.little<std::uint32_t>(kReadOnlyCompatible);
  if ((read_only & kGdtChecksum) != 0 && (read_only & kMetadataCsum) == 0)
    throw cannot_restamp("the checksums of its block groups begin with the UUID (uninit_bg)",
                         "Add -O ^uninit_bg or -O metadata_csum to mkfs_args.");
  if ((primary.little<std::uint32_t>(kCompatible) & kStableInodes) != 0)
    throw cannot_restamp("files may be encrypted with the UUID (stable_inodes)");
  auto const uuid = random_uuid();
  for (auto const offset : find_superblocks(primary)) {
    auto const superblock = draft.edit(offset, kBytes);
    if (!superblock.has(kMagic, "\x53\xEF"))
      throw Error(EIO, format("give an image a UUID of its own: there is no superblock at {}", offset));
    stamp(superblock, uuid);
  }
}

}  // namespace templatefs::vm
