// SPDX-License-Identifier: Apache-2.0
#include "cache/budget.h"

#include <gtest/gtest.h>

namespace templatefs::cache {
namespace {

using namespace std::chrono_literals;

TEST(BudgetTest, ReadsAges) {
  EXPECT_EQ(parse_age("12h"), 12h);
  EXPECT_EQ(parse_age("30d"), 720h);
  EXPECT_EQ(parse_age("8w"), 1344h);
  for (auto const* const text : {"", "d", "0d", "-1d", "1", "1m", "1.5d", "01d", "1d ", "1000000d"})
    EXPECT_FALSE(parse_age(text)) << text;
}

TEST(BudgetTest, KeepsByRecipeAndByCapacity) {
  EXPECT_EQ(parse_keep("btrfs/1024M"), "btrfs/1G");
  EXPECT_EQ(parse_keep("btrfs-dup"), "btrfs-dup");
  for (auto const* const text : {"", "/1G", "btrfs/", "btrfs/1g", "a b"})
    EXPECT_FALSE(parse_keep(text)) << text;
  Budget budget;
  budget.keep = {"btrfs/1G", "xfs-a"};
  EXPECT_TRUE(budget.keeps("btrfs-1024m-0123456789abcdef"));
  EXPECT_FALSE(budget.keeps("btrfs-512m-0123456789abcdef"));
  EXPECT_TRUE(budget.keeps("xfs-a-512m-0123456789abcdef"));
  EXPECT_FALSE(budget.keeps("xfs-512m-0123456789abcdef"));
}

}  // namespace
}  // namespace templatefs::cache
