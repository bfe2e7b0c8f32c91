// SPDX-License-Identifier: Apache-2.0
#include "fusefs/path_grammar.h"

#include <gmock/gmock.h>

namespace templatefs::fusefs {
namespace {

using ::testing::HasSubstr;

// Out of line: GCC 12 takes the sum of two strings for an overflow (-Warray-bounds) where it sees both.
[[gnu::noinline]] std::string name_of_case(std::size_t length, char const* suffix) {
  return std::string(length, 'x').append(suffix);
}

TEST(PathGrammar, AcceptsTheWholeAlphabet) {
  EXPECT_TRUE(is_image_id("a"));
  EXPECT_TRUE(is_image_id("AZaz09._+@=:,#%~-"));
  EXPECT_TRUE(is_image_id(std::string(200, 'x')));
}

TEST(PathGrammar, RefusesEverythingElse) {
  std::string const too_long(201, 'x');
  for (std::string_view const id :
       {std::string_view(), std::string_view(too_long), std::string_view(".hidden"),
        std::string_view("-dash"), std::string_view("a b"), std::string_view("a/b"), std::string_view("a\nb"),
        std::string_view("a\0b", 3), std::string_view("ä"), std::string_view("a[1]"), std::string_view("a*"),
        std::string_view("\x7f")})
    EXPECT_FALSE(is_image_id(id)) << id;
}

TEST(PathGrammar, AnImagesNameEndsInImg) {
  EXPECT_EQ(id_of_image_name("t1.img"), "t1");
  EXPECT_EQ(id_of_image_name("a.img.img"), "a.img");
  for (char const* const name : {"t1", "t1.IMG", ".img", "t1.img ", "t1.qcow2", "..img", "."})
    EXPECT_FALSE(id_of_image_name(name)) << name;
}

TEST(PathGrammar, ASetsNameEndsInD) {
  EXPECT_EQ(id_of_set_name("t1.d"), "t1");
  EXPECT_EQ(id_of_set_name("a.d.d"), "a.d");
  EXPECT_EQ(id_of_set_name(name_of_case(200, ".d")), std::string(200, 'x'));
  EXPECT_FALSE(id_of_set_name(name_of_case(201, ".d")));
  for (char const* const name : {"t1", "t1.D", ".d", "t1.d ", "t1.img", ".x.d", "-x.d", "d", "a b.d"})
    EXPECT_FALSE(id_of_set_name(name)) << name;
  EXPECT_FALSE(id_of_image_name("t1.d"));
}

TEST(PathGrammar, ASetHasTenDisks) {
  for (char const* const name : {"TEST.img", "SCRATCH.img", "POOL0.img", "POOL7.img"})
    EXPECT_TRUE(is_disk_of_set(name)) << name;
  for (char const* const name : {"", "TEST", "test.img", "POOL.img", "POOL8.img", "POOL00.img", "a.img"})
    EXPECT_FALSE(is_disk_of_set(name)) << name;
}

TEST(PathGrammar, ATemplateHangsOnTheFirstTwoNames) {
  EXPECT_EQ(template_of_path("btrfs/256M/t1.d/TEST.img"), "btrfs/256M");
  EXPECT_EQ(template_of_path("btrfs/256M/t1.img"), "btrfs/256M");
  EXPECT_EQ(template_of_path("btrfs/256M"), "btrfs/256M");
  EXPECT_EQ(template_of_path("btrfs"), "btrfs");
  EXPECT_EQ(template_of_path(""), "");
}

TEST(PathGrammar, CapacitiesEndAtTheLargest) {
  auto const largest = Capacity::of_mib(1024);
  EXPECT_TRUE(parse_capacity_name("1G", largest));
  EXPECT_TRUE(parse_capacity_name("1024M", largest));
  EXPECT_FALSE(parse_capacity_name("1025M", largest));
}

TEST(PathGrammar, SaysWhatIsWrongWithAName) {
  EXPECT_THAT(no_image("t1").sentence(), HasSubstr("<id>.img"));
  EXPECT_THAT(no_image(name_of_case(201, ".img")).sentence(), HasSubstr("200"));
  EXPECT_THAT(no_image("-t.img").sentence(), HasSubstr("'-'"));
  EXPECT_THAT(no_image("a b.img").sentence(), HasSubstr("templatefs path"));
  EXPECT_THAT(no_set("t1").sentence(), HasSubstr("<id>.d"));
  EXPECT_THAT(no_set(".d").sentence(), HasSubstr("id is empty"));
  EXPECT_THAT(no_disk_of_set("a.img").sentence(), HasSubstr("POOL7.img"));
}

}  // namespace
}  // namespace templatefs::fusefs
