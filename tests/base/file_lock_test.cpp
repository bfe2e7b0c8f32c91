// SPDX-License-Identifier: Apache-2.0
#include "base/file_lock.h"

#include "base/child.h"
#include "base/error.h"
#include "base/lock_holders.h"
#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"
#include "tests/support/temp_dir.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs {
namespace {

using namespace std::chrono_literals;
using Mode = FileLock::Mode;

class FileLockTest : public test::LeakCheck {
 protected:
  test::TempDir dir_;
  std::string const path_ = dir_ / "lock";
};

TEST_F(FileLockTest, ExcludesOtherHoldersInTheSameProcess) {
  auto first = FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive);
  ASSERT_TRUE(first);
  EXPECT_FALSE(FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive));
  EXPECT_FALSE(FileLock::try_lock(AT_FDCWD, path_, Mode::shared));
  first.reset();
  EXPECT_TRUE(FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive));
}

TEST_F(FileLockTest, SharedHoldersDoNotExcludeEachOther) {
  auto const first = FileLock::try_lock(AT_FDCWD, path_, Mode::shared);
  EXPECT_TRUE(FileLock::try_lock(AT_FDCWD, path_, Mode::shared));
  EXPECT_FALSE(FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive));
}

TEST_F(FileLockTest, WaitingEndsAtTheDeadline) {
  auto const held = FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive);
  EXPECT_FALSE(FileLock::lock(AT_FDCWD, path_, Mode::exclusive, Deadline::after(30ms)));
}

TEST_F(FileLockTest, WaitingEndsWithAStopRequest) {
  auto const held = FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive);
  std::jthread waiter([&](std::stop_token const& stop) {
    EXPECT_THROW(FileLock::lock(AT_FDCWD, path_, Mode::exclusive, Deadline::after(60s), stop), Error);
  });
  waiter.request_stop();
}

TEST_F(FileLockTest, WaitingGetsTheLockOnceItIsFree) {
  auto held = FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive);
  std::jthread const waiter(
      [&] { EXPECT_TRUE(FileLock::lock(AT_FDCWD, path_, Mode::exclusive, Deadline::after(20s))); });
  held.reset();
}

TEST_F(FileLockTest, AChildDoesNotInheritTheLock) {
  auto held = FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive);
  auto const child = Child::spawn({"sleep", "60"});
  held.reset();
  EXPECT_TRUE(FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive));
}

TEST_F(FileLockTest, LeavesTheFile) {
  (void)FileLock::try_lock(AT_FDCWD, path_, Mode::exclusive);
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
}

/// On btrfs stat's device is not the one in /proc/locks.
class LockHoldersTest : public test::LeakCheck, public ::testing::WithParamInterface<char const*> {};

TEST_P(LockHoldersTest, NamesTheHolderWithItsCommand) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a loop mount";
  test::LoopFilesystem const filesystem(GetParam(), std::int64_t{1} << 30);
  auto const held = FileLock::try_lock(AT_FDCWD, filesystem / "lock", Mode::exclusive);
  Fd const other = open_at(AT_FDCWD, filesystem / "lock", O_RDONLY);
  auto const holders = lock_holders(other.get());
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].pid, ::getpid());
  EXPECT_NE(holders[0].command.find("test_base"), std::string::npos) << holders[0].command;
  Fd const free = open_at(AT_FDCWD, filesystem / "free", O_RDWR | O_CREAT, 0600);
  EXPECT_EQ(describe_holders(lock_holders(free.get())), "<none recorded>");
}

INSTANTIATE_TEST_SUITE_P(Filesystems, LockHoldersTest, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs
