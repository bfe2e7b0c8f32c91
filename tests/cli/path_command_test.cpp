// SPDX-License-Identifier: Apache-2.0
#include "tests/support/leak_check.h"
#include "tests/support/program.h"

#include <random>

#include <gmock/gmock.h>

namespace templatefs::test {

namespace {

using ::testing::HasSubstr;

class PathCommand : public LeakCheck {
 protected:
  static std::string id_of(std::string const& name) {
    auto const output = run_program({"path", "--", name});
    EXPECT_TRUE(output.status.success()) << output.text;
    return output.text.substr(0, output.text.size() - 1);
  }
  static CommandOutput decode(std::string const& id) { return run_program({"path", "--decode", "--", id}); }
};

TEST_F(PathCommand, TurnsTestNamesIntoIds) {
  for (auto const& [name, id] : {std::pair("suite/case", "suite#case"),
                                 {"test_plain-1.2", "test_plain-1.2"},
                                 {"t[1]", "t%5B1%5D"},
                                 {"a b\tc", "a%20b%09c"},
                                 {"/%asd#//%60", "#%25asd%23##%2560"},
                                 {".hidden", "%2Ehidden"},
                                 {"-dash", "%2Ddash"},
                                 {"a.-b", "a.-b"},
                                 {"tilde~", "tilde%7E"},
                                 {"\xc3\xa4", "%C3%A4"},
                                 {"\xff\x01", "%FF%01"},
                                 {"../../etc/passwd", "%2E.#..#etc#passwd"},
                                 {"A::b<int>(x) = {y}", "A::b%3Cint%3E%28x%29%20=%20%7By%7D"}}) {
    EXPECT_EQ(id_of(name), id);
    EXPECT_EQ(decode(id).text, std::string(name) + "\n");
  }
}

TEST_F(PathCommand, TakesSeveralNamesALineEach) {
  EXPECT_EQ(run_program({"path", "a/b", "c d"}).text, "a#b\nc%20d\n");
  EXPECT_EQ(run_program({"path", "-d", "a#b", "c%20d"}).text, "a/b\nc d\n");
}

TEST_F(PathCommand, GivesBackEveryNameThatFits) {
  std::mt19937 random(2'026);
  for (int round = 0; round < 100; ++round) {
    std::string name;
    for (auto length = 1 + random() % 66; length > 0; --length) name += static_cast<char>(1 + random() % 255);
    auto const id = id_of(name);
    EXPECT_LE(id.size(), 200u);
    EXPECT_EQ(decode(id).text, name + "\n");
  }
}

TEST_F(PathCommand, KeepsIdsWithinTwoHundredBytes) {
  EXPECT_EQ(id_of(std::string(200, 'X')), std::string(200, 'X'));
  EXPECT_EQ(id_of("/" + std::string(199, 'X')).size(), 200u);
  std::string const longer(201, 'X');
  auto const id = id_of(longer);
  EXPECT_EQ(id.size(), 200u);
  EXPECT_THAT(id, ::testing::MatchesRegex("X{83}~[0-9a-f]{32}~X{83}"));
  // Pinned: a test's image must have the same name tomorrow.
  EXPECT_EQ(id.substr(84, 32), "5d9c2166321b6187d20f177373d4557a");
  // The head of a long name and its tail stay readable; what lies between decides as well.
  std::string other = longer;
  other[100] = 'Y';
  EXPECT_NE(id_of(other), id);
  EXPECT_EQ(id_of(other).substr(0, 83), id.substr(0, 83));
  EXPECT_EQ(id_of(std::string(100, ' ')).size(), 200u) << "it is the id's length that counts";
}

TEST_F(PathCommand, DecodesOnlyItsOwnIds) {
  for (char const* const id : {"%zz", "%4", "%", "%41", "a%2e", "a~b", ".a", "-a", "a b", "a/b", ""}) {
    auto const output = decode(id);
    EXPECT_EQ(output.status.describe(), "exit status 1") << id << ": " << output.text;
  }
  EXPECT_THAT(decode(id_of(std::string(300, 'X'))).text, HasSubstr("had to be shortened"));
}

TEST_F(PathCommand, RefusesAnEmptyName) {
  auto const output = run_program({"path", ""});
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, HasSubstr("empty name"));
  EXPECT_EQ(run_program({"path"}).status.describe(), "exit status 2");
}

}  // namespace

}  // namespace templatefs::test
