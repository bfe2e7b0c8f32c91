// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace templatefs::vm {

/// Makes holes of what was written as zeroes, in whole blocks of 64 KiB: formatters that cannot be told that
/// a disk reads as zeroes clear journals and tables (ext3, 1 GiB of a disk of 1 TiB). QEMU does the same for
/// a guest. To be called before the file is synced, so that little of it reaches the disk. `visit` gets each
/// block that stays, in order; blocks begin at multiples of 64 KiB, and the last may be shorter. Throws
/// Error.
void punch_zeroes(std::string const& path,
                  std::function<void(std::int64_t offset, std::string_view block)> const& visit = {});

/// Gives back what a file has allocated and not written: formatters preallocate (XFS its log, up to 2 GiB).
/// What the file reads as does not change. Where the filesystem cannot punch holes the file stays as it is.
/// Throws Error.
void punch_unwritten(std::string const& path);

}  // namespace templatefs::vm
