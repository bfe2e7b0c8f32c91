// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "vm/crc32.h"
#include "vm/restamp_formats.h"

#include <algorithm>
#include <cerrno>

// The format: "XFS Algorithms & Data Structures", chapters "Superblocks" and "Journaling Log",
// https://mirrors.edge.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf.
//
// Each block of metadata names the filesystem it belongs to. With META_UUID that name stays what it was, in a
// field of its own (Linux 4.3). The log is not so: a mount looks at the last record and refuses one of
// another UUID. After a clean unmount that record says so, nothing before it is ever replayed, and it alone
// is changed.
namespace templatefs::vm {

namespace {

// Offsets in a superblock. All fields are big-endian, but for the checksum.
constexpr std::size_t kBlockSize = 4;
constexpr std::size_t kRealtimeBlocks = 16;
constexpr std::size_t kUuid = 32;
constexpr std::size_t kLogStart = 48;
constexpr std::size_t kGroupBlocks = 84;
constexpr std::size_t kGroups = 88;
constexpr std::size_t kLogBlocks = 96;
constexpr std::size_t kVersion = 100;
constexpr std::size_t kSectorSize = 102;
constexpr std::size_t kLogGroupBlocks = 124;
constexpr std::size_t kIncompatible = 216;
constexpr std::size_t kChecksum = 224;
constexpr std::size_t kMetaUuid = 248;
constexpr std::size_t kSmallestSector = 512;

constexpr std::uint32_t kHasMetaUuid = 1 << 2;

// The log counts in these, whatever the disk's sectors are.
constexpr std::size_t kLogSector = 512;
constexpr std::uint32_t kRecordMagic = 0xFEEDBABE;
// Offsets in a record's first sector.
constexpr std::size_t kCycle = 4;
constexpr std::size_t kRecordVersion = 8;
constexpr std::size_t kRecordChecksum = 32;
constexpr std::size_t kOperations = 40;
constexpr std::size_t kRecordUuid = 304;
constexpr std::size_t kRecordSize = 320;
/// A header of version 2 has another sector for each of these of the size that the record may have.
constexpr std::uint32_t kRecordBytesPerSector = 32 << 10;
constexpr std::size_t kOperationFlags = 9;  // in an operation's header
constexpr unsigned char kUnmount = 0x20;
/// A record with its padding is at most this long.
constexpr std::uint64_t kLongestRecord = (256 << 10) / kLogSector + 16;

class Log {
 public:
  Log(ImageDraft& draft, std::int64_t offset, std::int64_t bytes)
      : draft_(draft), offset_(offset), sectors_(static_cast<std::uint64_t>(bytes) / kLogSector) {}

  /// Gives the record of the clean unmount another UUID.
  void stamp(Uuid const& uuid) {
    auto const record = last_record();
    auto bytes = read(record);
    ImageFields const header(bytes);
    std::uint64_t header_sectors = 1;
    if (header.big<std::uint32_t>(kRecordVersion) >= 2)
      header_sectors = std::max(
          1U, (header.big<std::uint32_t>(kRecordSize) + kRecordBytesPerSector - 1) / kRecordBytesPerSector);
    auto const operation = read((record + header_sectors) % sectors_);
    if (header.big<std::uint32_t>(kOperations) != 1 || (operation[kOperationFlags] & kUnmount) == 0)
      throw unclean();
    auto const edited = draft_.edit(offset_of(record), kLogSector);
    edited.set_uuid(kRecordUuid, uuid);
    // None, as in the record that mkfs.xfs writes: what is not replayed is not checked either.
    edited.set_little<std::uint32_t>(kRecordChecksum, 0);
  }

 private:
  static Error unclean() {
    return cannot_restamp("its log holds changes that were not written back",
                          "Mount the original and unmount it.");
  }
  std::int64_t offset_of(std::uint64_t sector) const {
    return offset_ + static_cast<std::int64_t>(sector * kLogSector);
  }
  std::vector<unsigned char> read(std::uint64_t sector) const {
    return draft_.read(offset_of(sector), kLogSector);
  }
  bool is_record(std::uint64_t sector) const {
    auto bytes = read(sector);
    return ImageFields(bytes).big<std::uint32_t>(0) == kRecordMagic;
  }
  /// How many times the log had been filled when the sector was written: each sector begins with it.
  std::uint32_t cycle(std::uint64_t sector) const {
    auto bytes = read(sector);
    ImageFields const fields(bytes);
    return fields.big<std::uint32_t>(fields.big<std::uint32_t>(0) == kRecordMagic ? kCycle : 0);
  }
  /// The first sector of an older cycle than the log's beginning: where the next record goes.
  std::uint64_t head() const {
    auto const current = cycle(0);
    std::uint64_t low = 0, high = sectors_;
    while (high - low > 1) {
      auto const middle = low + (high - low) / 2;
      (cycle(middle) == current ? low : high) = middle;
    }
    return high;
  }
  std::uint64_t last_record() const {
    auto const end = head();
    for (std::uint64_t back = 1; back <= std::min(kLongestRecord, sectors_); ++back) {
      auto const sector = (end + sectors_ - back) % sectors_;
      if (is_record(sector)) return sector;
    }
    throw unclean();
  }

  ImageDraft& draft_;
  std::int64_t offset_;
  std::uint64_t sectors_;
};

void stamp(ImageFields const& superblock, Uuid const& uuid) {
  auto const features = superblock.big<std::uint32_t>(kIncompatible);
  if ((features & kHasMetaUuid) == 0) {
    superblock.set_big(kIncompatible, features | kHasMetaUuid);
    superblock.set_uuid(kMetaUuid, superblock.uuid(kUuid));
  }
  superblock.set_uuid(kUuid, uuid);
  superblock.set_little<std::uint32_t>(kChecksum, 0);
  superblock.set_little<std::uint32_t>(kChecksum, ~crc32c(~0U, superblock.bytes()));
}

}  // namespace

void restamp_xfs(ImageDraft& draft) {
  auto bytes = draft.read(0, kSmallestSector);
  ImageFields const primary(bytes);
  if ((primary.big<std::uint16_t>(kVersion) & 0xF) != 5)
    throw cannot_restamp("it is of version 4, without checksums", "Leave crc=0 out of mkfs_args.");
  auto const log_start = primary.big<std::uint64_t>(kLogStart);
  if (log_start == 0 || primary.big<std::uint64_t>(kRealtimeBlocks) != 0)
    throw cannot_restamp("it has a log or a realtime part on another disk");

  std::int64_t const block = primary.big<std::uint32_t>(kBlockSize);
  std::int64_t const group = block * primary.big<std::uint32_t>(kGroupBlocks);
  auto const sector = primary.big<std::uint16_t>(kSectorSize);
  auto const shift = bytes[kLogGroupBlocks];
  if (sector < kSmallestSector || group == 0 || shift > 31)
    throw Error(EIO, "give an image a UUID of its own: its xfs superblock makes no sense");

  auto const uuid = random_uuid();
  // A block's number is the allocation group's and, below it, that of the block in the group.
  auto const in_group = static_cast<std::int64_t>(log_start & ((std::uint64_t{1} << shift) - 1));
  Log(draft, static_cast<std::int64_t>(log_start >> shift) * group + in_group * block,
      block * primary.big<std::uint32_t>(kLogBlocks))
      .stamp(uuid);
  for (std::int64_t i = 0; i < primary.big<std::uint32_t>(kGroups); ++i) {
    auto const superblock = draft.edit(i * group, sector);
    if (!superblock.has(0, "XFSB"))
      throw Error(EIO, format("give an image a UUID of its own: there is no superblock at {}", i * group));
    stamp(superblock, uuid);
  }
}

}  // namespace templatefs::vm
