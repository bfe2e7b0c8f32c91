// SPDX-License-Identifier: Apache-2.0
#include "vm/formatter.h"

#include "base/files.h"
#include "tests/vm/filesystem_rows.h"
#include "tests/vm/support.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::HasSubstr;

class FormatterTest : public VmTest {
 protected:
  static std::string input(Formatter const& formatter, std::string const& field) {
    for (auto const& input : formatter.inputs())
      if (input.field == field) return input.value;
    ADD_FAILURE() << "no field " << field;
    return {};
  }
  /// A copy of the real formatter in a directory that is then all of PATH, so that it can be changed.
  std::string copy_formatter(std::string const& name) {
    auto const copy = scratch_ / name;
    write_file(copy, read_file(AT_FDCWD, find_on_path(name)), 0755);
    return copy;
  }
};

}  // namespace

TEST_F(FormatterTest, TellsTheVersionOfEach) {
  for (auto const& row : filesystem_rows())
    EXPECT_THAT(find_formatter(row.filesystem()).version_line(), HasSubstr(row.banner)) << row.name;
}

TEST_F(FormatterTest, FindsTheVersionAmongOtherWords) {
  Formatter formatter;
  formatter.banner = "Usage: mkfs.x [OPTIONS]. Made in 1999.\n\nmkfs.x 4.2 (2021)\nmore 1.1\n";
  EXPECT_EQ(formatter.version_line(), "mkfs.x 4.2 (2021)");
  formatter.banner = "mkfs.x version 7\nand more\n";
  EXPECT_EQ(formatter.version_line(), "mkfs.x version 7");
  formatter.banner = "4.2";
  EXPECT_EQ(formatter.version_line(), "4.2");
}

TEST_F(FormatterTest, NamesThePackageWhereItIsMissing) {
  ScopedVariable const path("PATH", scratch_.path());
  Filesystem absent = *find_filesystem("xfs");
  absent.formatter = "mkfs.absent";
  auto const error = error_of([&] { find_formatter(absent); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_EQ(error.text(), "mkfs.absent not found on PATH");
  EXPECT_THAT(error.remedy(), HasSubstr("Install the xfsprogs package"));
  EXPECT_THAT(error.remedy(), HasSubstr("PATH is " + scratch_.path()));
}

TEST_F(FormatterTest, SaysWhereItIsWhenPathLacksTheDirectory) {
  if (::access("/usr/sbin/mkfs.xfs", X_OK) != 0) GTEST_SKIP() << "mkfs.xfs is not in /usr/sbin";
  ScopedVariable const path("PATH", scratch_.path());
  auto const error = error_of([] { find_formatter(*find_filesystem("xfs")); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_THAT(error.remedy(), HasSubstr("mkfs.xfs is in /usr/sbin: add that directory to PATH"));
}

TEST_F(FormatterTest, RefusesASilentOne) {
  auto const copy = copy_formatter("mkfs.xfs");
  write_file(copy, read_file(AT_FDCWD, find_on_path("true")), 0755);
  ScopedVariable const path("PATH", scratch_.path());
  Filesystem silent = *find_filesystem("xfs");
  silent.version_switch = "-V";
  auto const error = error_of([&] { find_formatter(silent); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.text(), HasSubstr(copy));
  EXPECT_THAT(error.text(), HasSubstr("produced no output"));
}

TEST_F(FormatterTest, IgnoresTheExitStatusOfTheVersionSwitch) {
  copy_formatter("mkfs.btrfs");
  ScopedVariable const path("PATH", scratch_.path());
  Filesystem odd = *find_filesystem("btrfs");
  odd.name = "odd";
  odd.version_switch = "--no-such-switch";
  EXPECT_FALSE(find_formatter(odd).banner.empty());
}

TEST_F(FormatterTest, SeesAChangedBinaryAtOnce) {
  auto const copy = copy_formatter("mkfs.xfs");
  ScopedVariable const path("PATH", scratch_.path());
  auto const version = input(find_formatter(*find_filesystem("xfs")), "formatter_version");
  auto const digest = input(find_formatter(*find_filesystem("xfs")), "formatter_digest");
  {
    // Bytes after the end of the ELF file change its digest and nothing else.
    Fd const fd = open_at(AT_FDCWD, copy, O_WRONLY | O_APPEND);
    write_all(fd.get(), "more", copy);
  }
  EXPECT_EQ(input(find_formatter(*find_filesystem("xfs")), "formatter_version"), version);
  EXPECT_NE(input(find_formatter(*find_filesystem("xfs")), "formatter_digest"), digest);
}

TEST_F(FormatterTest, BuildsTheCommandWithoutAShell) {
  EXPECT_EQ(formatter_command(spec_of("ext4", 64, {"-L", "a b; c"}), "/dev/vda"),
            (std::vector<std::string>{"mkfs.ext4", "-F", "-E", "nodiscard,assume_storage_prezeroed=1", "-L",
                                      "a b; c", "/dev/vda"}));
}

TEST_F(FormatterTest, ConfigurationIsPartOfTheInputs) {
  Formatter one, two;
  one.path = two.path = find_on_path("mkfs.xfs");
  write_file(scratch_ / "conf", "a");
  two.config_files = {scratch_ / "conf"};
  EXPECT_EQ(input(one, "formatter_config"), "none");
  auto const first = input(two, "formatter_config");
  write_file(scratch_ / "conf", "another");
  EXPECT_NE(input(two, "formatter_config"), first);
}

}  // namespace templatefs::vm
