// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/filesystem_rows.h"

#include "base/error.h"
#include "vm/kernel_lookup.h"
#include "vm/kernel_modules.h"

#include <ostream>

namespace templatefs::vm {

std::vector<FilesystemRow> const& filesystem_rows() {
  static std::vector<FilesystemRow> const rows{
      {"btrfs", "btrfs-progs v", 108, "", 4, 20},
      // Without flex_bg each of the 8192 block groups has two bitmaps of its own.
      {"ext2", "mke2fs 1.", 0, "too big", 4, 80},
      {"ext3", "mke2fs 1.", 0, "too big", 4, 80},
      {"ext4", "mke2fs 1.", 0, "", 4, 20},
      {"xfs", "mkfs.xfs version ", 299, "", 4, 20},
      {"f2fs", "mkfs.f2fs 1.", 43, "16TB at most", 4, 4},
      {"vfat", "mkfs.fat 4.", 0, "target too large", 4, 4},
      {"exfat", "exfatprogs version : 1.", 2, "exFAT format fail", 4, 4},
      // Its journal begins as 0xFF, 64 MiB of them.
      {"ntfs", "mkntfs v", 1, "", 4, 80},
      {"swap", "mkswap from util-linux 2.", 0, "truncating swap area", 4, 4},
  };
  return rows;
}

bool FilesystemRow::mountable(std::int64_t mib, std::string const& kernel) const {
  auto const& row = filesystem();
  if (row.mount_type == Filesystem::kSwapArea) return mib <= 8192;
  try {
    (void)find_modules(find_kernel(kernel).modules, {row.modules.front()}, {});
    return true;
  } catch (Error const&) {
    return false;
  }
}

void PrintTo(FilesystemRow const& row, std::ostream* out) {
  *out << row.name;
}

}  // namespace templatefs::vm
