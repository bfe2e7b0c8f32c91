// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/fault_injection.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/verify_store.h"
#include "tests/support/wait_until.h"

#include <gmock/gmock.h>

#include <signal.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A moment in which the daemon dies. The thread that builds goes through its fsyncs in this order: unwritten
/// blocks punched, the image before it is measured, and at the publish image, manifest, log, their directory;
/// then the rename and the directory above.
struct CrashPoint {
  char const* name;
  char const* injected;  // strace kills at the entry of the call
  bool published;
};

class Crash : public RobustnessTest {
 protected:
  static constexpr char kImage[] = "ext4/64M/crash.img";

  void start_victim_and_peer() {
    peer_ = &mount();
    write_image(*peer_ / "raw/8M/peer.img", "of the peer");
    ASSERT_EQ(errno_of_open(*peer_ / "raw/8M/idle.img"), 0);
    victim_ = &mount();
    write_image(*victim_ / "raw/8M/lost.img", "of the victim");
  }
  /// After the victim's death.
  void expect_recovery() {
    EXPECT_TRUE(wait_until([&] { return processes_mentioning(store(), living()).empty(); }, 1s * kSlowness))
        << "a formatter outlived its daemon";
    EXPECT_THAT(faults_of_templates(store()), IsEmpty());

    Daemon const& next = mount({"--builder", "host"}, victim_->mount_point());
    EXPECT_THAT(in_store("sessions"), SizeIs(2)) << "peer and successor";
    EXPECT_THAT(temporaries(store()), IsEmpty());
    EXPECT_EQ(errno_of_open(next / kImage), 0);
    EXPECT_EQ(read_image(next / "raw/8M/lost.img", 3), std::string(3, '\0')) << "an image outlived its mount";
    EXPECT_THAT(faults_of_templates(store()), IsEmpty());

    EXPECT_EQ(read_image(*peer_ / "raw/8M/peer.img", 11), "of the peer");
    EXPECT_GE(status_of(*peer_)["images"]["existing"], 2);
    EXPECT_EQ(errno_of_open(*peer_ / kImage), 0);
  }
  std::vector<pid_t> living() const { return {peer_->pid()}; }

  Daemon* peer_ = nullptr;
  Daemon* victim_ = nullptr;
};

class CrashAt : public Crash, public ::testing::WithParamInterface<std::tuple<CrashPoint, char const*>> {};

TEST_P(CrashAt, LeavesGoodTemplatesAndNoDebris) {
  auto const& [point, filesystem] = GetParam();
  use_filesystem(filesystem);
  start_victim_and_peer();
  // The victim's pool has one thread by now, made by its first build: that one is going to build again.
  expect_killed(*victim_);
  FaultInjection const fault(*victim_, FaultInjection::Threads::builder, point.injected);
  Client client([&] { return errno_of_open(*victim_ / kImage); });
  int const status = client.wait(30s);
  EXPECT_TRUE(status == ECONNABORTED || status == ENOTCONN) << status;
  auto const end = victim_->wait_for_end();
  ASSERT_TRUE(end && !end->exited && end->code == SIGKILL) << "the daemon got past the point";
  EXPECT_EQ(in_store("templates").size(), point.published ? 2u : 1u);
  expect_recovery();
}

INSTANTIATE_TEST_SUITE_P(
    Points, CrashAt,
    ::testing::Combine(
        ::testing::Values(CrashPoint{"StagingMade", "ftruncate:signal=SIGKILL:when=1", false},
                          CrashPoint{"BetweenBuildAndPublish", "fsync:signal=SIGKILL:when=2", false},
                          CrashPoint{"ManifestHalfWritten", "renameat:signal=SIGKILL:when=1", false},
                          CrashPoint{"BetweenImageAndManifestSync", "fsync:signal=SIGKILL:when=4", false},
                          CrashPoint{"BetweenTheSyncsAndTheRename", "renameat2:signal=SIGKILL:when=1", false},
                          CrashPoint{"BetweenRenameAndParentSync", "fsync:signal=SIGKILL:when=7", true},
                          CrashPoint{"BeforeTheClone", "ioctl:signal=SIGKILL:when=1", true},
                          CrashPoint{"BetweenCloneAndReply", "writev:signal=SIGKILL:when=1", true}),
        ::testing::Values("xfs", "btrfs")),
    [](auto const& each) {
      return std::string(std::get<0>(each.param).name) + "_" + std::get<1>(each.param);
    });

TEST_F(Crash, InsideTheBuildTheFormatterDiesWithTheDaemon) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  start_victim_and_peer();
  Client client([&] { return errno_of_open(*victim_ / kImage); });
  ASSERT_TRUE(formatter.wait_until_started());
  EXPECT_THAT(processes_mentioning(store(), {peer_->pid(), victim_->pid()}), SizeIs(1));
  kill(*victim_);
  int const status = client.wait();
  EXPECT_TRUE(status == ECONNABORTED || status == ENOTCONN) << status;
  EXPECT_TRUE(
      wait_until([&] { return processes_mentioning(formatter.dir() + "/mkfs").empty(); }, 1s * kSlowness));
  formatter.release();
  expect_recovery();
}

TEST_F(Crash, OfABuilderHandsTheBuildToThePeerThatWaits) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  start_victim_and_peer();
  Client builder([&] { return errno_of_open(*victim_ / kImage); });
  ASSERT_TRUE(formatter.wait_until_started());
  Client waiter([&] { return errno_of_open(*peer_ / kImage); });
  ASSERT_TRUE(wait_for_waiting(*peer_, 1));
  kill(*victim_);
  formatter.release();
  EXPECT_EQ(waiter.wait(), 0);
  EXPECT_NE(builder.wait(), -1);
  EXPECT_EQ(formatter.starts(), 2);
  expect_recovery();
}

}  // namespace

}  // namespace templatefs::test
