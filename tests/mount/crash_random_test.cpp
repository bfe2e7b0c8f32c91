// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/verify_store.h"
#include "tests/support/wait_until.h"

#include <cstdlib>

#include <gmock/gmock.h>

#include <poll.h>
#include <signal.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Kills of the daemon spread over 1.1 times the cycle from a cold open to its first write, each on a store
/// that the former ones went through.
class CrashAtRandom : public RobustnessTest {
 protected:
  /// A whole cycle: cold open, write, close.
  static int cycle(std::string const& path) {
    if (int const err = errno_of_open(path); err != 0) return err;
    try {
      write_image(path, "written");
    } catch (...) {
      return 1;
    }
    return 0;
  }
  std::string cold(Daemon const& daemon, unsigned round) const {
    return daemon / "ext4/" + std::to_string(64 + round) + "M/r.img";
  }

  void kill_in_each_part_of_a_cycle(unsigned kills, std::vector<std::string> const& options) {
    Daemon& peer = mount();
    write_image(peer / "raw/8M/peer.img", "of the peer");
    Daemon* daemon = &mount(options);
    std::string const mount_point = daemon->mount_point();
    auto const whole = time_of([&] { ASSERT_EQ(cycle(cold(*daemon, 0)), 0); });
    for (unsigned round = 1; round <= kills; ++round) {
      SCOPED_TRACE("kill " + std::to_string(round));
      Client client([&] { return cycle(cold(*daemon, round)); });
      // The moment of the kill is the test's input.
      ::poll(nullptr, 0, static_cast<int>(whole.count() * 11 * round / kills / 10));
      kill(*daemon);
      EXPECT_NE(client.wait(5s), -1) << "a client hangs on a dead daemon";
      EXPECT_TRUE(
          wait_until([&] { return processes_mentioning(store(), {peer.pid()}).empty(); }, 1s * kSlowness));
      daemon = &mount(options, mount_point);
      ASSERT_THAT(in_store("sessions"), SizeIs(2));
      ASSERT_EQ(read_image(peer / "raw/8M/peer.img", 11), "of the peer");
    }
    EXPECT_THAT(faults_of_templates(store()), IsEmpty());
    EXPECT_THAT(temporaries(store()), IsEmpty());
    for (unsigned round = 1; round <= kills; round += kills / 3)
      EXPECT_EQ(cycle(cold(*daemon, round)), 0) << "the key of kill " << round << " does not open";
    EXPECT_EQ(errno_of_open(peer / "raw/8M/another.img"), 0);
  }
  static bool long_run() { return std::getenv("TEMPLATEFS_TEST_LONG") != nullptr; }
};

TEST_F(CrashAtRandom, LosesNothingPublishedOnXfs) {
  kill_in_each_part_of_a_cycle(long_run() ? 50 : 15, {"--builder", "host"});
}

TEST_F(CrashAtRandom, LosesNothingPublishedOnBtrfs) {
  use_filesystem("btrfs");
  kill_in_each_part_of_a_cycle(long_run() ? 50 : 15, {"--builder", "host"});
}

TEST_F(CrashAtRandom, LeavesNoGuestRunning) {
  kill_in_each_part_of_a_cycle(long_run() ? 20 : 3, {"--accel", "tcg"});
}

}  // namespace

}  // namespace templatefs::test
