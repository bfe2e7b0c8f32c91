// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace templatefs::vm {

// A guest's memory as a sparse file. The digests are against torn and damaged files, not against people; a
// page of zeroes counts as a hole.

/// Copies into an empty file, which gets the size and keeps zeroes as holes. Returns the digest. Throws
/// Error.
std::string copy_memory(int from, int to, std::int64_t bytes);
std::string digest_of_memory(int file);
std::string digest_of_bytes(std::string_view bytes);

}  // namespace templatefs::vm
