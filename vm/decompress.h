// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::vm {

/// A file's contents, decompressed where it is xz, zstd or gzip (by content). Throws Error.
std::string read_decompressed(std::string const& path);

}  // namespace templatefs::vm
