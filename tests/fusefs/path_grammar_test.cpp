// SPDX-License-Identifier: Apache-2.0
#include "fusefs/path_grammar.h"

#include <gtest/gtest.h>

namespace templatefs::fusefs {
namespace {

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

TEST(PathGrammar, CapacitiesEndAtTheLargest) {
  auto const largest = Capacity::of_mib(1024);
  EXPECT_TRUE(parse_capacity_name("1G", largest));
  EXPECT_TRUE(parse_capacity_name("1024M", largest));
  EXPECT_FALSE(parse_capacity_name("1025M", largest));
}

TEST(PathGrammar, SaysWhatIsWrongWithAName) {
  EXPECT_NE(explain_image_name("t1").find(".img"), std::string::npos);
  EXPECT_NE(explain_image_name(std::string(201, 'x') + ".img").find("200"), std::string::npos);
  EXPECT_NE(explain_image_name("-t.img").find("'-'"), std::string::npos);
  EXPECT_NE(explain_image_name("a b.img").find("templatefs path"), std::string::npos);
}

}  // namespace
}  // namespace templatefs::fusefs
