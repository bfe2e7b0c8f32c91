// SPDX-License-Identifier: Apache-2.0
#include "fusefs/lead.h"

#include "base/fd.h"
#include "tests/support/wait_until.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include <sys/eventfd.h>

namespace templatefs::fusefs {
namespace {

class LeadTest : public ::testing::Test {
 protected:
  void request() { ASSERT_EQ(::eventfd_write(device_.get(), 1), 0); }

  Fd device_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Lead lead_{device_.get()};
};

TEST_F(LeadTest, OneThreadHasItUntilItPassesIt) {
  ASSERT_TRUE(lead_.take());
  EXPECT_TRUE(lead_.held());
  std::atomic<bool> second = false;
  std::thread other([&] {
    EXPECT_FALSE(lead_.held());
    EXPECT_TRUE(lead_.take());
    second = true;
    lead_.pass();
  });
  EXPECT_FALSE(second);
  let_others_serve();
  EXPECT_FALSE(lead_.held());
  EXPECT_TRUE(test::wait_until([&] { return second.load(); }));
  other.join();
}

TEST_F(LeadTest, IsPassedInACrowdAlone) {
  ASSERT_TRUE(lead_.take());
  EXPECT_TRUE(has_lead());
  EXPECT_FALSE(let_crowd_serve());
  EXPECT_TRUE(lead_.held());
  request();
  EXPECT_TRUE(let_crowd_serve());
  EXPECT_FALSE(lead_.held());
}

TEST_F(LeadTest, AThreadWithoutOneMayTakeItsTime) {
  EXPECT_FALSE(has_lead());
  let_others_serve();
  request();
  EXPECT_FALSE(let_crowd_serve());
}

TEST_F(LeadTest, NobodyGetsItAfterTheEnd) {
  ASSERT_TRUE(lead_.take());
  std::atomic<int> answers = 0;
  std::thread other([&] { answers = lead_.take() ? 1 : 2; });
  lead_.end();
  EXPECT_TRUE(test::wait_until([&] { return answers != 0; }));
  EXPECT_EQ(answers, 2);
  other.join();
  lead_.pass();
  EXPECT_FALSE(lead_.take());
}

}  // namespace
}  // namespace templatefs::fusefs
