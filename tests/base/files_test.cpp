// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include "base/error.h"
#include "base/mount_table.h"
#include "tests/support/leak_check.h"
#include "tests/support/temp_dir.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs {
namespace {

class FilesTest : public test::LeakCheck {
 protected:
  std::set<std::string> entries() const {
    std::set<std::string> names;
    for_each_entry(AT_FDCWD, dir_.path(), [&](std::string const& name) { names.insert(name); });
    return names;
  }
  test::TempDir dir_;
};

TEST_F(FilesTest, ReplaceFileIsWholeAndLeavesNoScratch) {
  replace_file(AT_FDCWD, dir_ / "f", "one", 0600, true);
  replace_file(AT_FDCWD, dir_ / "f", "two", 0600, false);
  EXPECT_EQ(read_file(AT_FDCWD, dir_ / "f"), "two");
  EXPECT_EQ(entries(), std::set<std::string>{"f"});
  ASSERT_EQ(::mkdir((dir_ / "d").c_str(), 0755), 0);
  EXPECT_THROW(replace_file(AT_FDCWD, dir_ / "d", "x", 0600, false), Error);
  EXPECT_EQ(entries(), (std::set<std::string>{"f", "d"}));
}

TEST_F(FilesTest, ReadFileRefusesWhatIsTooLong) {
  replace_file(AT_FDCWD, dir_ / "f", std::string(100, 'x'), 0600, false);
  EXPECT_THROW(read_file(AT_FDCWD, dir_ / "f", 99), Error);
  EXPECT_EQ(read_file(AT_FDCWD, dir_ / "f", 100).size(), 100u);
}

TEST_F(FilesTest, RemoveTreeDoesNotFollowLinks) {
  make_directories(AT_FDCWD, dir_ / "tree/a/b", 0755);
  replace_file(AT_FDCWD, dir_ / "tree/a/b/f", "x", 0600, false);
  replace_file(AT_FDCWD, dir_ / "outside", "stays", 0600, false);
  ASSERT_EQ(::symlink((dir_ / "outside").c_str(), (dir_ / "tree/link").c_str()), 0);
  ASSERT_EQ(::symlink(dir_.path().c_str(), (dir_ / "tree/a/up").c_str()), 0);
  remove_tree(AT_FDCWD, dir_ / "tree");
  EXPECT_EQ(entries(), std::set<std::string>{"outside"});
  remove_tree(AT_FDCWD, dir_ / "tree");  // gone already: no error
}

TEST_F(FilesTest, DataRangesSkipHoles) {
  Fd const fd = open_at(AT_FDCWD, dir_ / "sparse", O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::ftruncate(fd.get(), 1 << 20), 0);
  ASSERT_EQ(::pwrite(fd.get(), "x", 1, 65536), 1);
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  for_each_data_range(fd.get(), 1 << 20,
                      [&](std::int64_t at, std::int64_t length) { ranges.emplace_back(at, length); });
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0], (std::pair<std::int64_t, std::int64_t>{65536, 4096}));
  ranges.clear();
  for_each_data_range(fd.get(), 65536 + 100,
                      [&](std::int64_t at, std::int64_t length) { ranges.emplace_back(at, length); });
  EXPECT_EQ(ranges.at(0).second, 100);
}

TEST_F(FilesTest, TimesAreWrittenInUtc) {
  EXPECT_EQ(rfc3339(1768036324000), "2026-01-10T09:12:04Z");
}

TEST_F(FilesTest, AbsolutePathKeepsTheLastComponent) {
  std::string const real = dir_.path();
  ASSERT_EQ(::symlink(real.c_str(), (dir_ / "link").c_str()), 0);
  EXPECT_EQ(absolute_path(dir_ / "link/x"), real + "/x");
  EXPECT_EQ(absolute_path(dir_ / "link/x/"), real + "/x");
  EXPECT_EQ(absolute_path("/"), "/");
  EXPECT_THROW(absolute_path(dir_ / "none/x"), Error);
}

TEST_F(FilesTest, TheRootIsMounted) {
  ASSERT_TRUE(mount_at("/"));
  Fd const root = open_at(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(mount_of(root.get())->mount_point, "/");
}

}  // namespace
}  // namespace templatefs
