// SPDX-License-Identifier: Apache-2.0
#include "vm/crc32.h"

#include <boost/crc.hpp>

namespace templatefs::vm {

namespace {

std::uint32_t mirrored(std::uint32_t bits) {
  std::uint32_t out = 0;
  for (int i = 0; i < 32; ++i) out |= ((bits >> i) & 1) << (31 - i);
  return out;
}

template <std::uint32_t polynomial>
std::uint32_t reflected_crc(std::uint32_t seed, std::span<unsigned char const> bytes) {
  // Boost takes the seed most significant bit first, filesystems keep it the other way round.
  boost::crc_optimal<32, polynomial, 0, 0, true, true> crc(mirrored(seed));
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

}  // namespace

std::uint32_t crc32c(std::uint32_t seed, std::span<unsigned char const> bytes) {
  return reflected_crc<0x1EDC6F41>(seed, bytes);
}

std::uint32_t crc32(std::uint32_t seed, std::span<unsigned char const> bytes) {
  return reflected_crc<0x04C11DB7>(seed, bytes);
}

}  // namespace templatefs::vm
