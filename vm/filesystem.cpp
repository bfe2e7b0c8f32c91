// SPDX-License-Identifier: Apache-2.0
#include "vm/filesystem.h"

#include "base/error.h"
#include "vm/restamp_formats.h"

#include <algorithm>

#include <unistd.h>

namespace templatefs::vm {

namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;

// Told that the disk reads as zeroes, mke2fs writes neither inode tables nor (ext4) the journal, and marks
// the tables as initialised, so that no mount of an image goes on to zero them in the background.
constexpr char kMke2fsOptions[] = "nodiscard,assume_storage_prezeroed=1";
constexpr std::string_view kExtMagic = "\x53\xEF";

std::vector<Filesystem> const& table() {
  static std::vector<Filesystem> const rows{
      Filesystem{.name = "btrfs",
                 .formatter = "mkfs.btrfs",
                 .version_switch = "--version",
                 .package = "btrfs-progs",
                 .common = true,
                 // -K: the image is sparse already, discarding it would only take time.
                 .arguments = {"-f", "-K"},
                 .modules = {"btrfs"},
                 .mount_type = "btrfs",
                 .minimum_bytes = 109 * kMiB,
                 .magic_offset = 65600,
                 .magic = "_BHRfS_M",
                 .check_command = {"btrfs", "check", "--readonly"},
                 .label_option = "-L",
                 .longest_label = 255,
                 .uuid_option = "-U",
                 .restamp = restamp_btrfs},
      Filesystem{.name = "ext2",
                 .formatter = "mkfs.ext2",
                 .version_switch = "-V",
                 .package = "e2fsprogs",
                 .arguments = {"-F", "-E", kMke2fsOptions},
                 .config_files = {"/etc/mke2fs.conf"},
                 // An alias of ext4 in most kernels.
                 .modules = {"ext2"},
                 .mount_type = "ext2",
                 .minimum_bytes = 1 * kMiB,
                 .maximum_bytes = 16 * kTiB - kMiB,
                 .magic_offset = 1080,
                 .magic = kExtMagic,
                 .check_command = {"e2fsck", "-fn"},
                 .label_option = "-L",
                 .longest_label = 16,
                 .uuid_option = "-U",
                 .restamp = restamp_ext},
      Filesystem{.name = "ext3",
                 .formatter = "mkfs.ext3",
                 .version_switch = "-V",
                 .package = "e2fsprogs",
                 .arguments = {"-F", "-E", kMke2fsOptions},
                 .config_files = {"/etc/mke2fs.conf"},
                 .modules = {"ext3"},
                 .mount_type = "ext3",
                 // With less mke2fs leaves the journal out, and it is no ext3.
                 .minimum_bytes = 2 * kMiB,
                 .maximum_bytes = 16 * kTiB - kMiB,
                 .magic_offset = 1080,
                 .magic = kExtMagic,
                 .check_command = {"e2fsck", "-fn"},
                 .label_option = "-L",
                 .longest_label = 16,
                 .uuid_option = "-U",
                 .restamp = restamp_ext},
      Filesystem{.name = "ext4",
                 .formatter = "mkfs.ext4",
                 .version_switch = "-V",
                 .package = "e2fsprogs",
                 .common = true,
                 .arguments = {"-F", "-E", kMke2fsOptions},
                 .config_files = {"/etc/mke2fs.conf"},
                 .modules = {"ext4"},
                 .mount_type = "ext4",
                 .mount_options = "noinit_itable",
                 .minimum_bytes = 1 * kMiB,
                 .magic_offset = 1080,
                 .magic = kExtMagic,
                 .check_command = {"e2fsck", "-fn"},
                 .label_option = "-L",
                 .longest_label = 16,
                 .uuid_option = "-U",
                 .restamp = restamp_ext},
      Filesystem{.name = "xfs",
                 .formatter = "mkfs.xfs",
                 .version_switch = "-V",
                 .package = "xfsprogs",
                 .common = true,
                 .arguments = {"-f", "-K"},
                 .modules = {"xfs"},
                 .mount_type = "xfs",
                 .minimum_bytes = 300 * kMiB,
                 .magic_offset = 0,
                 .magic = "XFSB",
                 .check_command = {"xfs_repair", "-n", "-f"},
                 .label_option = "-L",
                 .longest_label = 12,
                 .uuid_option = "-muuid=",
                 .restamp = restamp_xfs},
      Filesystem{.name = "f2fs",
                 .formatter = "mkfs.f2fs",
                 .version_switch = "-V",
                 .package = "f2fs-tools",
                 // -t 0: no discard.
                 .arguments = {"-f", "-t", "0"},
                 .modules = {"f2fs"},
                 .mount_type = "f2fs",
                 // Of f2fs-tools 1.15; 1.16 takes 44 MiB.
                 .minimum_bytes = 52 * kMiB,
                 .maximum_bytes = 16 * kTiB,
                 .magic_offset = 1024,
                 .magic = "\x10\x20\xF5\xF2",
                 .check_command = {"fsck.f2fs", "--dry-run"},
                 .label_option = "-l",
                 .longest_label = 512,
                 .uuid_option = "-U",
                 .restamp = restamp_f2fs},
      Filesystem{.name = "vfat",
                 .formatter = "mkfs.vfat",
                 // There is no better one: the version stands among the words of the help.
                 .version_switch = "--help",
                 .package = "dosfstools",
                 // -I: a whole disk is meant. Its companion --mbr would put a partition table into the boot
                 // sector of a disk, and none into a file.
                 .arguments = {"-I", "--mbr=n"},
                 // Which character sets a mount wants by default depends on how the kernel was configured.
                 .modules = {"vfat", "nls_cp437", "nls_iso8859-1"},
                 .mount_type = "vfat",
                 .mount_options = "codepage=437,iocharset=iso8859-1",
                 .minimum_bytes = 1 * kMiB,
                 // Beyond it mkfs.vfat warns and leaves the rest unused.
                 .maximum_bytes = 2 * kTiB,
                 .magic_offset = 510,
                 .magic = "\x55\xAA",
                 .check_command = {"fsck.vfat", "-n"},
                 .label_option = "-n",
                 .longest_label = 11,
                 .uuid_option = "-i",
                 .uuid_form = UuidForm::serial,
                 .restamp = restamp_vfat},
      Filesystem{.name = "exfat",
                 .formatter = "mkfs.exfat",
                 .version_switch = "-V",
                 .package = "exfatprogs",
                 .modules = {"exfat"},
                 .mount_type = "exfat",
                 .mount_options = "iocharset=utf8",
                 .minimum_bytes = 3 * kMiB,
                 // Just below 128T the length of the FAT overflows, and mkfs.exfat does not notice.
                 .maximum_bytes = 127 * kTiB,
                 .magic_offset = 3,
                 .magic = "EXFAT   ",
                 .check_command = {"fsck.exfat", "-n"},
                 .label_option = "-L",
                 .longest_label = 11},
      Filesystem{.name = "ntfs",
                 .formatter = "mkntfs",
                 .version_switch = "--version",
                 .package = "ntfs-3g",
                 // -F: a whole disk is meant. -Q: the disk reads as zeroes and has no bad sectors.
                 .arguments = {"-F", "-Q"},
                 .modules = {"ntfs3"},
                 .mount_type = "ntfs3",
                 .minimum_bytes = 2 * kMiB,
                 .magic_offset = 3,
                 .magic = "NTFS    ",
                 // Counts the clusters in use, which `ntfsfix -n` does not.
                 .check_command = {"ntfsresize", "--info"},
                 .label_option = "-L",
                 .longest_label = 128},
      Filesystem{.name = "swap",
                 .formatter = "mkswap",
                 .version_switch = "--version",
                 .package = "util-linux",
                 .mount_type = Filesystem::kSwapArea,
                 .minimum_bytes = 1 * kMiB,
                 // Beyond it mkswap warns and leaves the rest unused.
                 .maximum_bytes = 16 * kTiB,
                 .magic_offset = 4086,
                 .magic = "SWAPSPACE2",
                 .check_command = {"swaplabel"},
                 .label_option = "-L",
                 .longest_label = 15,
                 .uuid_option = "-U"},
      Filesystem{.name = "raw", .minimum_bytes = 1 * kMiB},
  };
  return rows;
}

bool has_bytes(int fd, std::int64_t offset, std::string_view wanted) {
  std::string found(wanted.size(), '\0');
  auto const got = check(::pread(fd, found.data(), found.size(), offset), "read", "a disk image");
  return static_cast<std::size_t>(got) == wanted.size() && found == wanted;
}

/// The bytes that end a FAT's boot sector end that of any PC's disk.
bool has_fat_name(int fd) {
  return has_bytes(fd, 54, "FAT") || has_bytes(fd, 82, "FAT");
}

}  // namespace

std::span<Filesystem const> filesystems() {
  return table();
}

Filesystem const* find_filesystem(std::string_view name) {
  for (auto const& row : table())
    if (row.name == name) return &row;
  return nullptr;
}

bool has_superblock(Filesystem const& filesystem, int fd) {
  return has_bytes(fd, filesystem.magic_offset, filesystem.magic);
}

Filesystem const* identify_filesystem(int fd) {
  // From the end: ext4 comes before its elders, exfat and ntfs before vfat.
  auto const found = std::find_if(table().rbegin(), table().rend(), [&](Filesystem const& row) {
    return !row.magic.empty() && has_bytes(fd, row.magic_offset, row.magic) &&
           (row.mount_type != "vfat" || has_fat_name(fd));
  });
  return found == table().rend() ? nullptr : &*found;
}

}  // namespace templatefs::vm
