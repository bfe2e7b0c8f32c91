// SPDX-License-Identifier: Apache-2.0
#include "base/noatime_view.h"

#include "base/files.h"
#include "tests/support/loop_filesystem.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs {

namespace {

/// Reads a byte of dir/name; whether its access time changed by it.
bool reading_is_recorded(int dir, char const* name) {
  timespec const long_ago[] = {{1, 0}, {2, 0}};  // older than the change: relatime records the next read
  EXPECT_EQ(::utimensat(dir, name, long_ago, 0), 0);
  char byte = 0;
  EXPECT_EQ(::read(open_at(dir, name, O_RDONLY).get(), &byte, 1), 1);
  struct stat st {};
  EXPECT_EQ(::fstatat(dir, name, &st, 0), 0);
  return st.st_atim.tv_sec != 1;
}

class NoatimeView : public ::testing::TestWithParam<char const*> {};

TEST_P(NoatimeView, ReadsThroughItAreNotRecorded) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting takes root";
  test::LoopFilesystem const filesystem(GetParam());
  Fd const original = open_at(AT_FDCWD, filesystem.path(), O_RDONLY | O_DIRECTORY);
  Fd const view = open_noatime_view(original.get());
  ASSERT_TRUE(view);
  replace_file(view.get(), "file", "x", 0600, false);
  EXPECT_TRUE(reading_is_recorded(original.get(), "file"));
  EXPECT_FALSE(reading_is_recorded(view.get(), "file"));
}

TEST_P(NoatimeView, ItIsTheSameFilesystemAndEndsWithItsDescriptors) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting takes root";
  test::LoopFilesystem const filesystem(GetParam());
  Fd original = open_at(AT_FDCWD, filesystem.path(), O_RDONLY | O_DIRECTORY);
  Fd view = open_noatime_view(original.get());
  ASSERT_TRUE(view);
  struct stat here {};
  struct stat there {};
  ASSERT_EQ(::fstat(original.get(), &here), 0);
  ASSERT_EQ(::fstat(view.get(), &there), 0);
  EXPECT_EQ(here.st_ino, there.st_ino);
  EXPECT_EQ(here.st_dev, there.st_dev);
  original.reset();
  view.reset();
  EXPECT_EQ(::umount(filesystem.path().c_str()), 0) << "something still holds it";
}

INSTANTIATE_TEST_SUITE_P(Filesystems, NoatimeView, ::testing::Values("xfs", "btrfs"));

TEST(NoatimeViewRefused, WithoutTheRightItIsEmpty) {
  EXPECT_FALSE(open_noatime_view(-1));
}

}  // namespace

}  // namespace templatefs
