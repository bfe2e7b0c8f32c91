// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace templatefs {

/// btrfs' attribute C (chattr +C): a file's data is overwritten in place where no reflink shares it, without
/// checksums. With them, direct writes go through the page cache since Linux 6.15. A new file or directory
/// has what its directory has, a new subvolume has not; files that differ in it share no blocks.
///
/// False where `file` has it not, or its filesystem does not know it.
bool is_nocow(int file) noexcept;
/// Sets or clears it, of a directory or of an empty file. 0, or the errno.
int set_nocow(int file, bool nocow) noexcept;

}  // namespace templatefs
