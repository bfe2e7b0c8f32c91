// SPDX-License-Identifier: Apache-2.0
#include "cache/guest_store.h"

#include "base/error.h"
#include "cache/clean.h"
#include "tests/cache/cache_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {
namespace {

constexpr char kName[] = "mkfs.ext4-0123456789abcdef";

class GuestStoreTest : public CacheFixture {
 protected:
  // With room for a saved guest.
  std::int64_t filesystem_bytes() const override { return std::int64_t{4} << 30; }

  GuestStore guests() const { return GuestStore(store_->dir()); }
  std::string stage() const {
    std::string const path = session_->staging_path(store_->path()) + "/guest";
    check(::mkdir(path.c_str(), 0700), "make directory", path);
    replace_file(AT_FDCWD, path + "/memory", "memory", 0600, false);
    return path;
  }
};

TEST_P(GuestStoreTest, FindsWhatWasPublishedAndLetsNobodySaveItAgain) {
  EXPECT_FALSE(guests().find(kName));
  {
    auto const right = guests().claim(kName);
    ASSERT_TRUE(right);
    EXPECT_FALSE(guests().claim(kName)) << "one at a time";
    EXPECT_TRUE(guests().claim("mkfs.xfs-0123456789abcdef"));
    guests().publish(kName, stage());
  }
  EXPECT_EQ(read_file(guests().find(kName).get(), "memory"), "memory");
  EXPECT_FALSE(guests().claim(kName));
  EXPECT_EQ(stage(), session_->staging_path(store_->path()) + "/guest") << "it was moved, not copied";
}

TEST_P(GuestStoreTest, WhatWasGivenUpIsNeitherFoundNorSavedAgain) {
  guests().publish(kName, stage());
  guests().give_up(kName, "it hangs");
  EXPECT_FALSE(guests().find(kName));
  EXPECT_FALSE(guests().claim(kName));
  EXPECT_TRUE(guests().claim("mkfs.ext4-fedcba9876543210")) << "another key";
}

TEST_P(GuestStoreTest, KeepsThoseThatWereUsedLast) {
  for (unsigned each = 0; each <= GuestStore::kMost; ++each) {
    auto const name = "mkfs.ext4-" + std::to_string(each);
    guests().publish(name, stage());
    timespec const long_ago[2] = {{each, 0}, {each, 0}};
    ASSERT_EQ(::utimensat(store_->dir(), layout::saved_guest(name).c_str(), long_ago, 0), 0);
    if (each == GuestStore::kMost - 1) (void)guests().find("mkfs.ext4-0");
  }
  EXPECT_EQ(count(layout::kGuests), GuestStore::kMost);
  EXPECT_TRUE(guests().find("mkfs.ext4-0")) << "it was used";
  EXPECT_FALSE(guests().find("mkfs.ext4-1"));
  EXPECT_EQ(staged(), 0u);
}

TEST_P(GuestStoreTest, NoneIsSavedWhereTheBudgetIsSmall) {
  Budget budget;
  GuestStore guests(store_->dir(), [&] { return budget; });
  budget.max_size = GuestStore::kLeastBudget - 1;
  EXPECT_FALSE(guests.claim(kName));
  budget.max_size = GuestStore::kLeastBudget;
  EXPECT_TRUE(guests.claim(kName));
}

TEST_P(GuestStoreTest, CleanRemovesThemAndWhatIsOpenStaysReadable) {
  guests().publish(kName, stage());
  guests().give_up("mkfs.xfs-0123456789abcdef", "it hangs");
  Fd const dir = guests().find(kName);
  Fd const memory = open_at(dir.get(), "memory", O_RDONLY);
  EXPECT_EQ(clean(*store_).guests, 1u);
  EXPECT_EQ(count(layout::kGuests), 0u);
  EXPECT_EQ(read_file(AT_FDCWD, "/proc/self/fd/" + std::to_string(memory.get())), "memory");
  EXPECT_EQ(clean(*store_).guests, 0u);
}

TEST_P(GuestStoreTest, WhatAKilledProcessStagedIsSwept) {
  auto dead = std::make_unique<Session>(Session::create(store_->dir(), "dead", ""));
  auto const path = dead->staging_path(store_->path()) + "/guest-1";
  check(::mkdir(path.c_str(), 0700), "make directory", path);
  replace_file(AT_FDCWD, path + "/memory", "half", 0600, false);
  std::string const name = dead->name();
  {
    // As a kill leaves it: the lock is free, the rest is there.
    ASSERT_TRUE(exists(layout::session_dir(name)));
    ASSERT_EQ(::renameat(store_->dir(), layout::session_dir(name).c_str(), store_->dir(), "sessions/killed"),
              0);
    dead.reset();
  }
  EXPECT_EQ(sweep(store_->dir()), 1u);
  EXPECT_FALSE(exists("sessions/killed"));
  EXPECT_EQ(count(layout::kGuests), 0u);
}

INSTANTIATE_TEST_SUITE_P(Stores, GuestStoreTest, ::testing::Values("xfs", "btrfs"));

class SmallStoreTest : public CacheFixture {};

TEST_P(SmallStoreTest, SavesNoGuests) {
  EXPECT_FALSE(GuestStore(store_->dir()).claim(kName));
}

INSTANTIATE_TEST_SUITE_P(Stores, SmallStoreTest, ::testing::Values("xfs"));

}  // namespace
}  // namespace templatefs::cache
