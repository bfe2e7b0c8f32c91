// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/verify_store.h"
#include "tests/support/shared_outcomes.h"
#include "tests/support/wait_until.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <poll.h>
#include <signal.h>
#include <sys/xattr.h>

// Ends of a mount that meet what it does. Those of templates with each other are tests/cache's.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr unsigned kImages = 24;

class PinAgainstEnd : public RobustnessTest, public ::testing::WithParamInterface<int> {
 protected:
  static std::string name(unsigned image) { return "p" + std::to_string(image) + ".img"; }
  static std::string text(unsigned image) { return "of image " + std::to_string(image + 100); }
};

/// The mount ends after so many pins were acknowledged, while others go on.
TEST_P(PinAgainstEnd, WhatWasAcknowledgedIsKept) {
  for (unsigned acknowledged = 0; acknowledged < kImages; acknowledged += 3) {
    SCOPED_TRACE("after " + std::to_string(acknowledged));
    Daemon& daemon = mount();
    for (unsigned each = 0; each < kImages; ++each) write_image(daemon / "raw/1M/" + name(each), text(each));
    SharedOutcomes pins(kImages);
    std::vector<Client> clients;
    for (unsigned first = 0; first < 2; ++first)
      clients.emplace_back([&, first] {
        for (unsigned each = first; each < kImages; each += 2) {
          std::string const path = daemon / "raw/1M/" + name(each);
          pins[each] = ::setxattr(path.c_str(), "user.templatefs.keep", "", 0, 0) == 0 ? 0 : errno;
        }
        return 0;
      });
    ASSERT_TRUE(wait_until([&] { return pins.count(0) >= acknowledged; }));
    if (GetParam() == SIGKILL)
      kill(daemon);
    else
      unmount(daemon);
    for (auto& client : clients) ASSERT_EQ(client.wait(), 0);

    Daemon& next = mount();
    for (unsigned each = 0; each < kImages; ++each) {
      std::string const path = next / "raw/1M/" + name(each);
      bool const there = ::getxattr(path.c_str(), "user.templatefs.keep", nullptr, 0) >= 0;
      EXPECT_TRUE(there || pins[each] != 0) << name(each) << " was pinned and is lost";
      if (!there) continue;
      EXPECT_EQ(read_image(path, text(each).size()), text(each));
      EXPECT_EQ(::unlink(path.c_str()), 0);
    }
    unmount(next);
    EXPECT_THAT(in_store("pinned"), Not(Contains("raw"))) << "a kept image of an image that is gone";
  }
}

INSTANTIATE_TEST_SUITE_P(Ends, PinAgainstEnd, ::testing::Values(SIGTERM, SIGKILL),
                         [](auto const& each) { return each.param == SIGKILL ? "by_a_kill" : "in_order"; });

class UnmountAgainstBuild : public RobustnessTest {};

/// Spread over 1.1 times what a cold open takes.
TEST_F(UnmountAgainstBuild, EndsInOrderAndLeavesWholeTemplatesOrNone) {
  constexpr int kRounds = 24;
  auto const cold = [](Daemon const& daemon, int round) {
    return daemon / "ext4/" + std::to_string(64 + round) + "M/r.img";
  };
  auto const whole = time_of([&] { ASSERT_EQ(errno_of_open(cold(mount(), 0)), 0); });
  for (int round = 1; round <= kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Daemon& daemon = mount();
    Client client([&] { return errno_of_open(cold(daemon, round)); });
    // The moment of the end is the test's input.
    ::poll(nullptr, 0, static_cast<int>(whole.count() * 11 * round / kRounds / 10));
    unmount(daemon);
    EXPECT_NE(client.wait(5s * kSlowness), -1) << "an opener hangs on a mount that ended";
    EXPECT_TRUE(wait_until([&] { return processes_mentioning(daemon.mount_point()).empty(); }));
    EXPECT_THAT(temporaries(store()), IsEmpty());
    EXPECT_EQ(in_store("sessions").size(), 1u) << "the first mount's";
  }
  EXPECT_THAT(faults_of_templates(store()), IsEmpty());
  Daemon& last = mount();
  for (int round = 1; round <= kRounds; round += 4) EXPECT_EQ(errno_of_open(cold(last, round)), 0);
}

}  // namespace

}  // namespace templatefs::test
