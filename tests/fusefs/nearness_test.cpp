// SPDX-License-Identifier: Apache-2.0
#include "fusefs/nearness.h"

#include "tests/support/wait_until.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include <unistd.h>

namespace templatefs::fusefs {
namespace {

void run_only_on(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
}

/// A thread that stays on one processor, asleep.
class Client {
 public:
  explicit Client(int processor)
      : thread_([this, processor] {
          run_only_on(processor);
          id_ = ::gettid();
          id_.notify_all();
          done_.wait(false);
        }) {
    id_.wait(0);
  }
  ~Client() {
    done_ = true;
    done_.notify_all();
    thread_.join();
  }
  pid_t id() const { return id_; }

 private:
  std::atomic<pid_t> id_ = 0;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

TEST(NearnessTest, TheServerGoesWhereItsClientIsAndMayLeaveAgain) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "needs two processors";
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &all)) continue;
    Client const client(processor);
    Nearness nearness;
    // Each time as one that asks anew: the scheduler may have moved this thread since.
    EXPECT_TRUE(test::wait_until([&] {
      nearness.about_to_serve(::getpid());
      nearness.about_to_serve(client.id());
      nearness.about_to_serve(client.id());
      return ::sched_getcpu() == processor;
    })) << processor;
    cpu_set_t now;
    ASSERT_EQ(::sched_getaffinity(0, sizeof now, &now), 0);
    EXPECT_TRUE(CPU_EQUAL(&now, &all));
  }
}

TEST(NearnessTest, OneThatIsFoundElsewhereAgainAndAgainIsApart) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  if (CPU_COUNT(&all) < 2) GTEST_SKIP() << "needs two processors";
  int first = 0;
  while (!CPU_ISSET(first, &all)) ++first;
  int second = first + 1;
  while (!CPU_ISSET(second, &all)) ++second;
  Client const client(first);
  Nearness nearness;
  auto const look_from = [&](int processor) {
    run_only_on(processor);
    nearness.about_to_serve(::getpid());
    nearness.about_to_serve(client.id());
    nearness.about_to_serve(client.id());
  };
  look_from(second);
  EXPECT_FALSE(nearness.is_apart()) << "moved once, which may do";
  look_from(second);
  look_from(second);
  EXPECT_TRUE(nearness.is_apart());
  look_from(first);
  EXPECT_FALSE(nearness.is_apart());
  ASSERT_EQ(::sched_setaffinity(0, sizeof all, &all), 0);
}

TEST(NearnessTest, WhoIsNotKnownOrGoneMovesNobody) {
  Nearness nearness;
  for (int time = 0; time < 4; ++time) nearness.about_to_serve(0);
  pid_t gone = 0;
  {
    cpu_set_t all;
    ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
    int any = 0;
    while (!CPU_ISSET(any, &all)) ++any;
    Client const client(any);
    gone = client.id();
  }
  for (int time = 0; time < 4; ++time) nearness.about_to_serve(gone);
}

}  // namespace
}  // namespace templatefs::fusefs
