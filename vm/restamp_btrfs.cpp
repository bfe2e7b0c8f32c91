// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "base/log.h"
#include "vm/crc32.h"
#include "vm/restamp_formats.h"

#include <algorithm>
#include <array>

#include <xxhash.h>

// The format: "On-disk format" in the btrfs documentation, https://btrfs.readthedocs.io/en/latest/dev/.
//
// Each block of metadata names the filesystem it belongs to. With METADATA_UUID that name stays what it was,
// in a field of its own, and the UUID that people and mounts see is the superblock's alone (Linux 5.0).
namespace templatefs::vm {

namespace {

constexpr std::size_t kBytes = 4096;
constexpr std::array<std::int64_t, 3> kCopies{std::int64_t{64} << 10, std::int64_t{64} << 20,
                                              std::int64_t{256} << 30};

// Offsets in a superblock.
constexpr std::size_t kChecksummed = 0x20;  // from here to the end
constexpr std::size_t kFsid = 0x20;
constexpr std::size_t kOwnOffset = 0x30;
constexpr std::size_t kMagic = 0x40;
constexpr std::size_t kDevices = 0x88;
constexpr std::size_t kIncompatible = 0xbc;
constexpr std::size_t kChecksumType = 0xc4;
constexpr std::size_t kMetadataUuid = 0x23b;

constexpr std::uint64_t kHasMetadataUuid = 1 << 10;

enum ChecksumType : std::uint16_t { crc32c_sum = 0, xxhash_sum = 1, sha256_sum = 2, blake2_sum = 3 };

void set_checksum(ImageFields const& superblock) {
  auto const covered = superblock.bytes().subspan(kChecksummed);
  auto const field = superblock.bytes().first(kChecksummed);
  std::fill(field.begin(), field.end(), std::uint8_t{0});
  switch (superblock.little<std::uint16_t>(kChecksumType)) {
    case crc32c_sum:
      return superblock.set_little<std::uint32_t>(0, ~crc32c(~0U, covered));
    case xxhash_sum:
      return superblock.set_little<std::uint64_t>(0, XXH64(covered.data(), covered.size(), 0));
    case sha256_sum: {
      auto const digest = sha256_bytes(covered);
      std::copy(digest.begin(), digest.end(), field.begin());
      return;
    }
    case blake2_sum:
      // OpenSSL before 3.2 computes no BLAKE2b of 32 bytes.
      throw cannot_restamp("its checksums are BLAKE2", "Choose another --checksum in mkfs_args.");
    default:
      throw cannot_restamp("its checksums are of an unknown kind");
  }
}

}  // namespace

void restamp_btrfs(ImageDraft& draft) {
  auto bytes = draft.read(kCopies[0], kBytes);
  ImageFields const first(bytes);
  auto const old = first.uuid(kFsid);
  if (first.little<std::uint64_t>(kDevices) != 1) throw cannot_restamp("it spans several disks");
  auto const fresh = random_uuid();
  for (auto const offset : kCopies) {
    if (offset + static_cast<std::int64_t>(kBytes) > draft.size()) break;
    bytes = draft.read(offset, kBytes);
    ImageFields const found(bytes);
    // On a disk larger than the filesystem, what lies beyond its end is no copy.
    if (!found.has(kMagic, "_BHRfS_M") || found.uuid(kFsid) != old ||
        found.little<std::uint64_t>(kOwnOffset) != static_cast<std::uint64_t>(offset))
      continue;
    auto const superblock = draft.edit(offset, kBytes);
    auto const features = superblock.little<std::uint64_t>(kIncompatible);
    if ((features & kHasMetadataUuid) == 0) {
      superblock.set_little(kIncompatible, features | kHasMetadataUuid);
      superblock.set_uuid(kMetadataUuid, old);
    }
    superblock.set_uuid(kFsid, fresh);
    set_checksum(superblock);
  }
}

}  // namespace templatefs::vm
