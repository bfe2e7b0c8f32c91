// SPDX-License-Identifier: Apache-2.0
#include "cache/session.h"

#include "base/error.h"
#include "tests/cache/cache_fixture.h"
#include "tests/support/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

namespace templatefs::cache {
namespace {

using SessionTest = CacheFixture;

TEST_P(SessionTest, DropsItsImagesAndItself) {
  make_directories(session_->images_dir(), "btrfs/256M", 0700);
  replace_file(session_->images_dir(), "btrfs/256M/a.img", "x", 0600, false);
  std::string const path = layout::session_dir(session_->name());
  EXPECT_TRUE(exists(path + "/images/btrfs/256M/a.img"));
  session_->drop();
  EXPECT_FALSE(exists(path));
  session_->drop();
}

TEST_P(SessionTest, IsASubvolumeOfImagesOnBtrfs) {
  struct stat st {};
  ASSERT_EQ(::fstat(session_->images_dir(), &st), 0);
  EXPECT_EQ(st.st_ino == 256, std::string(GetParam()) == "btrfs");
}

TEST_P(SessionTest, SweepSparesTheLiving) {
  EXPECT_EQ(sweep(store_->dir()), 0u);
  EXPECT_TRUE(exists(layout::session_dir(session_->name())));
}

TEST_P(SessionTest, SweepRemovesWhatTheDeadLeft) {
  test::Client victim([&] {
    auto const session = Session::create(store_->dir(), "victim", "");
    make_directories(session.images_dir(), "ext4/64M", 0700);
    replace_file(session.images_dir(), "ext4/64M/a.img", "x", 0600, false);
    ::raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(victim.wait(), 128 + SIGKILL);
  EXPECT_EQ(count(layout::kSessions), 2u);
  EXPECT_EQ(sweep(store_->dir()), 1u);
  EXPECT_EQ(count(layout::kSessions), 1u);
}

TEST_P(SessionTest, SweepRemovesASessionThatDiedBeforeItsLock) {
  ASSERT_EQ(::mkdirat(store_->dir(), "sessions/mount-0123456789abcdef", 0700), 0);
  EXPECT_EQ(sweep(store_->dir()), 1u);
}

TEST_P(SessionTest, SweepTouchesNothingElse) {
  (void)build();
  EXPECT_EQ(sweep(store_->dir()), 0u);
  EXPECT_EQ(count(layout::kTemplates), 1u);
  EXPECT_EQ(count(layout::kLocks), 1u);
}

INSTANTIATE_TEST_SUITE_P(Stores, SessionTest, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
