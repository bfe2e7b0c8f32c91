// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/support/wait_until.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr unsigned kRefusedOpeners = 200;

/// Waits until it is let go, and fails as long as a mark is there.
std::string const kFailing = ": > $dir/started\n" + FormatterStandIn::waiting_line() +
                             "if [ -e $dir/broken ]; then echo out of luck >&2; exit 3; fi\n"
                             "exec \"$real\" \"$@\"";

class FailingStampede : public RobustnessTest {
 protected:
  FailingStampede() { replace_file(AT_FDCWD, formatter_.dir() + "/broken", "", 0600, false); }
  void repair() { ::unlink((formatter_.dir() + "/broken").c_str()); }

  static std::vector<Client> open_in_processes(Daemon const& daemon, unsigned count) {
    std::vector<Client> clients;
    for (unsigned index = 0; index < count; ++index)
      clients.emplace_back(
          [&, index] { return errno_of_open(daemon / "ext4/64M/f" + std::to_string(index) + ".img"); });
    return clients;
  }
  static std::vector<int> results_of(std::vector<Client>& clients) {
    std::vector<int> results;
    results.reserve(clients.size());
    for (auto& client : clients) results.push_back(client.wait(60s));
    return results;
  }

  FormatterStandIn formatter_{"mkfs.ext4", kFailing};
};

TEST_F(FailingStampede, AllGetTheOneFailureAndALaterOpenTriesAgain) {
  Daemon const& daemon = mount();
  auto clients = open_in_processes(daemon, kRefusedOpeners);
  ASSERT_TRUE(wait_for_waiting(daemon, kRefusedOpeners));
  formatter_.release();
  EXPECT_EQ(results_of(clients), std::vector<int>(kRefusedOpeners, EIO));
  EXPECT_EQ(formatter_.starts(), 1);
  EXPECT_EQ(count_of(daemon.output(), "template ext4/64M failed"), 1u) << daemon.output();
  EXPECT_THAT(daemon.output(), HasSubstr("out of luck"));
  EXPECT_EQ(count_of(file_of(daemon, "errors"), "ext4/64M/f"), kRefusedOpeners);
  EXPECT_THAT(error_of(daemon / "ext4/64M/f7.img"), HasSubstr("out of luck"));
  EXPECT_TRUE(in_store("templates").empty());

  repair();
  EXPECT_TRUE(wait_until([&] { return errno_of_open(daemon / "ext4/64M/f0.img") == 0; }, 10s));
  EXPECT_EQ(formatter_.starts(), 2);
  EXPECT_EQ(error_of(daemon / "ext4/64M/f0.img"), "") << "a success makes the earlier failure history";
}

TEST_F(FailingStampede, OneAttemptServesAllWhoWaitedOnTwoDaemons) {
  Daemon const& left = mount();
  Daemon const& right = mount();
  auto on_left = open_in_processes(left, 40);
  auto on_right = open_in_processes(right, 40);
  ASSERT_TRUE(wait_for_waiting(left, 40));
  ASSERT_TRUE(wait_for_waiting(right, 40));
  formatter_.release();
  EXPECT_EQ(results_of(on_left), std::vector<int>(40, EIO));
  EXPECT_EQ(results_of(on_right), std::vector<int>(40, EIO));
  EXPECT_EQ(formatter_.starts(), 1);
  for (auto const* daemon : {&left, &right}) {
    EXPECT_EQ(count_of(daemon->output(), "template ext4/64M failed"), 1u);
    EXPECT_EQ(count_of(file_of(*daemon, "errors"), "ext4/64M/f"), 40u);
  }
}

TEST_F(FailingStampede, RepeatedFailuresOfOneKeyLeaveOthersAlone) {
  Daemon const& daemon = mount();
  formatter_.release();
  for (int round = 0; round < 10; ++round) EXPECT_EQ(errno_of_open(daemon / "ext4/64M/again.img"), EIO);
  EXPECT_LE(formatter_.starts(), 10);
  EXPECT_EQ(errno_of_open(daemon / "raw/8M/other.img"), 0);
  repair();
  EXPECT_EQ(errno_of_open(daemon / "ext4/65M/other.img"), 0) << "another key has no share in the failures";
}

}  // namespace

}  // namespace templatefs::test
