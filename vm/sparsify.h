// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::vm {

/// Gives back what a file has allocated and not written: formatters preallocate (XFS its log, up to 2 GiB).
/// What the file reads as does not change. Where the filesystem cannot punch holes the file stays as it is.
/// Throws Error.
void punch_unwritten(std::string const& path);

}  // namespace templatefs::vm
