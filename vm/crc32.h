// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

// Checksums as filesystems keep them: from a seed, without the inversion that the names usually imply at
// either end. Formats that invert say so where they call.
namespace templatefs::vm {

/// CRC-32C (Castagnoli).
std::uint32_t crc32c(std::uint32_t seed, std::span<unsigned char const> bytes);
/// CRC-32 (IEEE 802.3).
std::uint32_t crc32(std::uint32_t seed, std::span<unsigned char const> bytes);

}  // namespace templatefs::vm
