// SPDX-License-Identifier: Apache-2.0
#include "vm/filesystem.h"

#include <array>

namespace templatefs::vm {

namespace {

constexpr std::int64_t kMiB = 1 << 20;

std::array<Filesystem, 4> const& table() {
  static std::array<Filesystem, 4> const rows{
      Filesystem{.name = "btrfs",
                 .formatter = "mkfs.btrfs",
                 .version_switch = "--version",
                 .package = "btrfs-progs",
                 // -K: the image is sparse already, discarding it would only take time.
                 .arguments = {"-f", "-K"},
                 .config_files = {},
                 .modules = {"btrfs"},
                 .mount_type = "btrfs",
                 .mount_options = "",
                 .minimum_bytes = 109 * kMiB,
                 .magic_offset = 65600,
                 .magic = "_BHRfS_M",
                 .check_command = {"btrfs", "check", "--readonly"}},
      Filesystem{
          .name = "ext4",
          .formatter = "mkfs.ext4",
          .version_switch = "-V",
          .package = "e2fsprogs",
          // Told that the disk reads as zeroes, mke2fs writes neither inode tables nor journal, and marks the
          // tables as initialised, so that no mount of an image goes on to zero them in the background.
          .arguments = {"-F", "-E", "nodiscard,assume_storage_prezeroed=1"},
          .config_files = {"/etc/mke2fs.conf"},
          .modules = {"ext4"},
          .mount_type = "ext4",
          .mount_options = "noinit_itable",
          .minimum_bytes = 1 * kMiB,
          .magic_offset = 1080,
          .magic = "\x53\xEF",
          .check_command = {"e2fsck", "-fn"}},
      Filesystem{.name = "xfs",
                 .formatter = "mkfs.xfs",
                 .version_switch = "-V",
                 .package = "xfsprogs",
                 .arguments = {"-f", "-K"},
                 .config_files = {},
                 .modules = {"xfs"},
                 .mount_type = "xfs",
                 .mount_options = "",
                 .minimum_bytes = 300 * kMiB,
                 .magic_offset = 0,
                 .magic = "XFSB",
                 .check_command = {"xfs_repair", "-n", "-f"}},
      Filesystem{.name = "raw",
                 .formatter = "",
                 .version_switch = "",
                 .package = "",
                 .arguments = {},
                 .config_files = {},
                 .modules = {},
                 .mount_type = "",
                 .mount_options = "",
                 .minimum_bytes = 1 * kMiB,
                 .magic_offset = 0,
                 .magic = "",
                 .check_command = {}},
  };
  return rows;
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

}  // namespace templatefs::vm
