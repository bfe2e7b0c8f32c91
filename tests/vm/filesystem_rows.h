// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/filesystem.h"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// What the tests expect of a filesystem beside its row in the table: one for each that has a formatter.
struct FilesystemRow {
  std::string_view name;
  std::string_view banner;   // in the line that tells the formatter's version
  std::int64_t refused_mib;  // too little for every version of the formatter; 0 where 1M is enough
  std::string_view
      beyond_maximum;            // what the formatter says of 1T above its maximum; empty where none is known
  std::int64_t mib_at_half_gib;  // MiB allocated at most by 512M ...
  std::int64_t mib_when_large;   // ... and by large_mib

  Filesystem const& filesystem() const { return *find_filesystem(name); }
  /// 1T, or 64G where the fsck reads tables of the whole disk, a minute for 1T.
  std::int64_t large_mib() const {
    return name == "ext2" || name == "ext3" || name == "vfat" ? 64 << 10 : 1 << 20;
  }
  /// Whether a guest kernel (a path; empty: this machine's newest) can mount one of this capacity, the
  /// guest's memory allowing.
  bool mountable(std::int64_t mib, std::string const& kernel = {}) const;
};

std::vector<FilesystemRow> const& filesystem_rows();
void PrintTo(FilesystemRow const& row, std::ostream* out);

}  // namespace templatefs::vm
