// SPDX-License-Identifier: Apache-2.0
#include "vm/crc32.h"

#include <array>

#include <gtest/gtest.h>

namespace templatefs::vm {

namespace {

// The check values of the catalogue of CRC algorithms: of these nine bytes, both ends inverted.
constexpr std::array<unsigned char, 9> kDigits{'1', '2', '3', '4', '5', '6', '7', '8', '9'};

}  // namespace

TEST(Crc32, OfTheNineDigits) {
  EXPECT_EQ(~crc32c(~0U, kDigits), 0xE3069283U);
  EXPECT_EQ(~crc32(~0U, kDigits), 0xCBF43926U);
}

TEST(Crc32, GoesOnFromWhereItStopped) {
  auto const all = std::span(kDigits);
  EXPECT_EQ(crc32(crc32(0xF2F52010, all.first(4)), all.subspan(4)), crc32(0xF2F52010, all));
  EXPECT_EQ(crc32c(crc32c(1, all.first(1)), all.subspan(1)), crc32c(1, all));
}

}  // namespace templatefs::vm
