// SPDX-License-Identifier: Apache-2.0
#include "fusefs/interrupt_watch.h"

#include "base/error.h"
#include "tests/support/wait_until.h"

#include <atomic>

#include <gtest/gtest.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

/// A process of its own that waits in a system call with SIGUSR1 blocked, until the end of the test.
class Waiting {
 public:
  Waiting() {
    sigset_t blocked;
    sigset_t before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    // Before fork, so that the child is never seen without it.
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
    pid_ = check(::fork(), "fork", "a process that waits");
    if (pid_ == 0)
      for (;;) ::pause();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~Waiting() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

TEST(HasSignalPending, NotForOneThatIsBlocked) {
  Waiting const process;
  EXPECT_FALSE(has_signal_pending(process.pid()));
  ASSERT_EQ(::kill(process.pid(), SIGUSR1), 0);
  EXPECT_FALSE(has_signal_pending(process.pid()));
}

TEST(HasSignalPending, ForOneThatAStoppedProcessCannotTakeYet) {
  Waiting const process;
  ASSERT_EQ(::kill(process.pid(), SIGSTOP), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(process.pid(), &status, WUNTRACED), process.pid());
  EXPECT_FALSE(has_signal_pending(process.pid()));
  ASSERT_EQ(::kill(process.pid(), SIGTERM), 0);
  EXPECT_TRUE(has_signal_pending(process.pid()));
}

TEST(HasSignalPending, WhereItCannotBeSeenThereIsOne) {
  EXPECT_TRUE(has_signal_pending(0));
  pid_t gone = 0;
  {
    Waiting const process;
    gone = process.pid();
  }
  EXPECT_TRUE(has_signal_pending(gone));
}

TEST(InterruptWatch, LooksUntilItIsToldToEnd) {
  std::atomic<int> looks = 0;
  InterruptWatch watch([&](std::uint64_t id, bool signalled) {
    EXPECT_EQ(id, 7u);
    EXPECT_FALSE(signalled);
    return ++looks < 3;
  });
  Waiting const process;
  watch.add(7, process.pid());
  EXPECT_TRUE(test::wait_until([&] { return looks == 3; }));
  watch.stop();
  EXPECT_EQ(looks, 3);
}

}  // namespace

}  // namespace templatefs::fusefs
