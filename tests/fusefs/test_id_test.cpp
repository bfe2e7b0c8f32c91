// SPDX-License-Identifier: Apache-2.0
#include "fusefs/test_id.h"

#include "base/error.h"
#include "fusefs/path_grammar.h"

#include <gtest/gtest.h>

namespace templatefs::fusefs {
namespace {

TEST(TestId, HasFixedVectors) {
  EXPECT_EQ(test_id("plain-1.2_x"), "plain-1.2_x");
  EXPECT_EQ(test_id("/%asd#//%60"), "#%25asd%23##%2560");
  EXPECT_EQ(test_id("suite/case[a b]"), "suite#case%5Ba%20b%5D");
  EXPECT_EQ(test_id(".hidden"), "%2Ehidden");
  EXPECT_EQ(test_id("-x"), "%2Dx");
  EXPECT_EQ(test_id("~"), "%7E");
  EXPECT_EQ(test_id("ä"), "%C3%A4");
  std::string const end(83, 'x');
  EXPECT_EQ(test_id(std::string(201, 'x')), end + "~84a0678c90937f5dcf9994d5866668da~" + end);
}

TEST(TestId, IsAlwaysValidAndComesBackUnlessShortened) {
  for (int first = 1; first < 256; ++first) {
    std::string const name{static_cast<char>(first), '/', static_cast<char>(first)};
    EXPECT_TRUE(is_image_id(test_id(name))) << first;
    EXPECT_EQ(test_name(test_id(name)), name) << first;
  }
  EXPECT_EQ(test_id(std::string(200, 'x')).size(), 200u);
  EXPECT_EQ(test_name(test_id(std::string(200, 'x'))), std::string(200, 'x'));
  EXPECT_EQ(test_id(std::string(5000, '/')).size(), 200u);
  EXPECT_FALSE(test_name(test_id(std::string(201, 'x'))));
}

TEST(TestId, LongNamesThatDifferAnywhereHaveDifferentIds) {
  std::string name(500, 'x');
  auto const one = test_id(name);
  name[250] = 'y';
  EXPECT_NE(test_id(name), one);
}

TEST(TestId, WhatWeNeverMakeDoesNotDecode) {
  for (char const* const id : {"%zz", "%4", "%41", "%c3", "a~b", "", "a b", ".x"})
    EXPECT_FALSE(test_name(id)) << id;
  EXPECT_THROW(test_id(""), Error);
}

}  // namespace
}  // namespace templatefs::fusefs
