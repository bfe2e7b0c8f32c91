// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"

#include <gtest/gtest.h>

namespace templatefs {
namespace {

std::int64_t mib_of(std::string_view text) {
  auto const capacity = Capacity::parse(text);
  return capacity ? capacity->mib() : -1;
}

TEST(Capacity, ReadsWholeMebibytesGibibytesAndTebibytes) {
  EXPECT_EQ(mib_of("1M"), 1);
  EXPECT_EQ(mib_of("256M"), 256);
  EXPECT_EQ(mib_of("1G"), 1024);
  EXPECT_EQ(mib_of("1024M"), 1024);
  EXPECT_EQ(mib_of("2T"), 2 * 1024 * 1024);
}

TEST(Capacity, RefusesEverythingElse) {
  for (char const* const text :
       {"",   "M",  "G",   "0M",   "00M",  "01M",  "+1M",   "-1M",  " 1M",  "1M ", "1",   "1K",
        "1m", "1g", "1MB", "1MiB", "1.5G", "1,5G", "0x10M", "1e3M", "1G1M", "M1",  "1\0M"})
    EXPECT_EQ(mib_of(text), -1) << text;
}

TEST(Capacity, EndsBelowTwoToThe63Bytes) {
  EXPECT_EQ(mib_of("8796093022207M"), 8796093022207);
  EXPECT_EQ(mib_of("8796093022208M"), -1);
  EXPECT_EQ(mib_of("8388607T"), 8388607LL * 1024 * 1024);
  EXPECT_EQ(mib_of("8388608T"), -1);
  EXPECT_EQ(mib_of("99999999999999999999T"), -1);
}

TEST(Capacity, IsSpelledWithTheLargestUnitThatDividesIt) {
  EXPECT_EQ(Capacity::of_mib(256).canonical(), "256M");
  EXPECT_EQ(Capacity::of_mib(1024).canonical(), "1G");
  EXPECT_EQ(Capacity::of_mib(1025).canonical(), "1025M");
  EXPECT_EQ(Capacity::of_mib(1024 * 1024).canonical(), "1T");
  EXPECT_EQ(Capacity::of_mib(1024 * 1024 + 1024).canonical(), "1025G");
}

TEST(HumanSize, KeepsOneDecimalWhereItTellsSomething) {
  EXPECT_EQ(human_size(0), "0B");
  EXPECT_EQ(human_size(4 << 20), "4M");
  EXPECT_EQ(human_size(4823449), "4.6M");
  EXPECT_EQ(human_size(std::int64_t{1} << 40), "1T");
}

}  // namespace
}  // namespace templatefs
