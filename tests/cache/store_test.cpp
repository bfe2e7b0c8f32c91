// SPDX-License-Identifier: Apache-2.0
#include "cache/store.h"

#include "base/error.h"
#include "base/files.h"
#include "base/mount_table.h"
#include "cache/layout.h"
#include "cache/store_location.h"
#include "tests/support/err_of.h"
#include "tests/support/on_filesystem.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <functional>
#include <memory>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {
namespace {

using test::err_of;

class StoreTest : public test::OnFilesystem {
 protected:
  StoreTest() : OnFilesystem("xfs", std::int64_t{1} << 30) {}
  Store::Options options(std::string const& name) const {
    return {*filesystem_ / name, {}, FanOutChoice::automatic};
  }
};

TEST_F(StoreTest, IsMadePrivateAndFoundAgain) {
  EXPECT_FALSE(Store::open_existing(options("store")));
  EXPECT_EQ(Store::open(options("store")).rung(), Rung::reflink);
  struct stat st {};
  ASSERT_EQ(::stat((*filesystem_ / "store").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
  EXPECT_TRUE(Store::open_existing(options("store")));
  EXPECT_EQ(read_file(AT_FDCWD, *filesystem_ / "store/FORMAT"), "templatefs store 1\n");
}

TEST_F(StoreTest, ManyStartsAtOnceMakeOneStore) {
  auto const statuses = test::run_in_processes(
      8, [&](unsigned) { return err_of([&] { (void)Store::open(options("store")); }); });
  EXPECT_THAT(statuses, testing::Each(0));
}

TEST_F(StoreTest, AnInterruptedStartIsGoneOnWith) {
  std::string const store = *filesystem_ / "store";
  ASSERT_EQ(::mkdir(store.c_str(), 0700), 0);
  replace_file(AT_FDCWD, store + "/FORMAT.new-0123456789abcdef", "templatefs", 0600, false);
  EXPECT_EQ(err_of([&] { (void)Store::open(options("store")); }), 0);
  ASSERT_EQ(::rmdir((store + "/templates").c_str()), 0);
  EXPECT_EQ(err_of([&] { (void)Store::open(options("store")); }), 0);
  EXPECT_EQ(::access((store + "/templates").c_str(), F_OK), 0);
}

TEST_F(StoreTest, AForeignDirectoryIsRefusedAndNotTouched) {
  ASSERT_EQ(::mkdir((*filesystem_ / "home").c_str(), 0755), 0);
  replace_file(AT_FDCWD, *filesystem_ / "home/thesis", "x", 0600, false);
  EXPECT_EQ(err_of([&] { (void)Store::open(options("home")); }), EINVAL);
  unsigned entries = 0;
  for_each_entry(AT_FDCWD, *filesystem_ / "home", [&](std::string const&) { ++entries; });
  EXPECT_EQ(entries, 1u);
}

TEST_F(StoreTest, AnotherFormatVersionIsRefusedNotGuessedAt) {
  (void)Store::open(options("store"));
  replace_file(AT_FDCWD, *filesystem_ / "store/FORMAT", "templatefs store 2\n", 0644, false);
  EXPECT_EQ(err_of([&] { (void)Store::open(options("store")); }), EPROTO);
}

class LoopStoreTest : public test::OnFilesystem {
 protected:
  LoopStoreTest() : OnFilesystem("ext4", std::int64_t{4} << 30) {}
  Store::Options options(std::optional<std::int64_t> bytes = std::int64_t{1} << 30) const {
    return {*filesystem_ / "store", bytes, FanOutChoice::automatic};
  }
};

TEST_F(LoopStoreTest, IsMadeWhereTheLocationCannotReflinkAndLeavesWithItsLastUser) {
  {
    auto const first = Store::open(options());
    EXPECT_TRUE(first.has_own_filesystem());
    EXPECT_EQ(first.rung(), Rung::reflink);
    auto const second = Store::open(options({}));
    replace_file(second.dir(), "mark", "x", 0600, false);
    EXPECT_TRUE(mount_at(first.path()));
  }
  EXPECT_FALSE(mount_at(*filesystem_ / "store"));
  auto const again = Store::open(options({}));
  EXPECT_EQ(read_file(again.dir(), "mark"), "x");
}

TEST_F(LoopStoreTest, ASecondUserKeepsItMounted) {
  auto first = std::make_unique<Store>(Store::open(options()));
  auto const second = Store::open(options({}));
  first.reset();
  EXPECT_TRUE(mount_at(second.path()));
}

TEST_F(LoopStoreTest, NeverPromisesMoreThanTheHostHas) {
  EXPECT_EQ(err_of([&] { (void)Store::open(options(std::int64_t{100} << 30)); }), ENOSPC);
  EXPECT_EQ(err_of([&] { (void)Store::open(options(1 << 20)); }), EINVAL);
}

TEST_F(LoopStoreTest, WhoInsistsOnReflinkIsRefused) {
  auto insisting = options();
  insisting.fan_out = FanOutChoice::reflink_only;
  EXPECT_EQ(err_of([&] { (void)Store::open(insisting); }), EOPNOTSUPP);
}

class StoreLocationTest : public ::testing::Test {
 protected:
  void TearDown() override {
    ::unsetenv("TEMPLATEFS_STORE");
    ::unsetenv("XDG_CACHE_HOME");
    ::setenv("HOME", home_.c_str(), 1);
  }
  std::string const home_ = std::getenv("HOME");
};

TEST_F(StoreLocationTest, FollowsItsOrder) {
  ::setenv("HOME", "/home/u", 1);
  EXPECT_EQ(store_location(""), "/home/u/.cache/templatefs");
  ::setenv("XDG_CACHE_HOME", "/xdg/", 1);
  EXPECT_EQ(store_location(""), "/xdg/templatefs");
  ::setenv("TEMPLATEFS_STORE", "/store//x/", 1);
  EXPECT_EQ(store_location(""), "/store/x");
  EXPECT_EQ(store_location("/given"), "/given");
}

TEST_F(StoreLocationTest, ARelativeOrEmptyVariableIsAnErrorNotASurprise) {
  for (char const* const value : {"", "relative"}) {
    ::setenv("TEMPLATEFS_STORE", value, 1);
    EXPECT_EQ(err_of([] { (void)store_location(""); }), EINVAL);
    ::unsetenv("TEMPLATEFS_STORE");
    ::setenv("XDG_CACHE_HOME", value, 1);
    EXPECT_EQ(err_of([] { (void)store_location(""); }), EINVAL);
    ::unsetenv("XDG_CACHE_HOME");
  }
  ::setenv("HOME", "/", 1);
  EXPECT_EQ(err_of([] { (void)store_location(""); }), EINVAL);
  ::unsetenv("HOME");
  EXPECT_EQ(err_of([] { (void)store_location(""); }), EINVAL);
}

}  // namespace
}  // namespace templatefs::cache
