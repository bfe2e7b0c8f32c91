// SPDX-License-Identifier: Apache-2.0
#include "tests/support/leak_check.h"
#include "tests/support/program.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include <gmock/gmock.h>

namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char const* kCommands[] = {
    "mount",   "run",    "umount", "ls",   "status",   "inspect", "watch",      "top",      "build",
    "recipes", "import", "bake",   "save", "snapshot", "revert",  "pin",        "unpin",    "forget",
    "why",     "path",   "verify", "gc",   "clean",    "doctor",  "completion", "provision"};

class Usage : public LeakCheck {};

void expect_help_fits_a_screen(std::string const& help, int lines_of_it = 24) {
  EXPECT_LE(std::count(help.begin(), help.end(), '\n'), lines_of_it) << help;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST_F(Usage, HelpNamesEveryCommandAndFitsAScreen) {
  auto const output = run_program({"--help"});
  EXPECT_TRUE(output.status.success());
  for (char const* const command : kCommands)
    EXPECT_THAT(output.text, HasSubstr(std::string("\n  ") + command + " "));
  EXPECT_THAT(output.text, AllOf(HasSubstr("Example:"), HasSubstr("templatefs(1)")));
  expect_help_fits_a_screen(output.text, 12 + static_cast<int>(std::size(kCommands)));
}

TEST_F(Usage, HelpOfEachCommandHasAnExampleAndFitsAScreen) {
  for (std::string const command : kCommands) {
    SCOPED_TRACE(command);
    auto const output = run_program({command, "--help"});
    EXPECT_TRUE(output.status.success());
    EXPECT_THAT(output.text, AllOf(HasSubstr("Usage: templatefs " + command), HasSubstr("Example:")));
    expect_help_fits_a_screen(output.text);
    EXPECT_EQ(run_program({command, "-h"}).text, output.text);
  }
}

TEST_F(Usage, VersionIsOneLine) {
  for (char const* const option : {"--version", "-V"}) {
    auto const output = run_program({option});
    EXPECT_TRUE(output.status.success());
    EXPECT_THAT(output.text, ::testing::MatchesRegex("templatefs [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  }
}

TEST_F(Usage, WhatCannotBeParsedIsTheUsersMistake) {
  std::vector<std::vector<std::string>> const mistakes{{},
                                                       {"explode"},
                                                       {"--explode"},
                                                       {"ls", "--explode"},
                                                       {"ls", "surplus"},
                                                       {"mount"},
                                                       {"umount"},
                                                       {"why"},
                                                       {"build"},
                                                       {"path"},
                                                       {"bake", "/mnt/raw/1M/a.img"},
                                                       {"bake", "--name", "mine"},
                                                       {"import", "disk.qcow2"},
                                                       {"import", "--name", "mine"},
                                                       {"save", "/mnt/raw/1M/a.img"},
                                                       {"forget"},
                                                       {"inspect"},
                                                       {"status", "--explode"},
                                                       {"watch", "one", "two"},
                                                       {"mount", "--builder", "nobody", "/mnt"},
                                                       {"mount", "--accel", "magic", "/mnt"},
                                                       {"mount", "--store"},
                                                       {"umount", "--wait", "-1", "/mnt"},
                                                       {"umount", "--wait", "soon", "/mnt"},
                                                       {"clean", "everything"}};
  for (auto const& words : mistakes) {
    auto const output = run_program(words);
    EXPECT_EQ(output.status.describe(), "exit status 2") << ::testing::PrintToString(words) << output.text;
    EXPECT_THAT(output.text, HasSubstr("--help"));
  }
}

TEST_F(Usage, AMistakeIsNamed) {
  EXPECT_THAT(run_program({"explode"}).text, HasSubstr("explode"));
  EXPECT_THAT(run_program({"ls", "--explode"}).text, HasSubstr("--explode"));
  EXPECT_THAT(run_program({"mount", "--builder", "nobody", "/mnt"}).text,
              AllOf(HasSubstr("nobody"), HasSubstr("guest")));
}

}  // namespace

}  // namespace templatefs::test
