// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/small_vm.h"

#include <gmock/gmock.h>

namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kWrite[] =
    "mount -t btrfs /dev/vda /mnt || echo vm: cannot mount\n"
    "seq 1 100000 > /mnt/numbers\n"
    "echo kept > /mnt/word\n"
    "md5sum < /mnt/numbers > /mnt/sum\n"
    "sync\n"
    "umount /mnt && echo vm: written\n";

constexpr char kRead[] =
    "mount -t btrfs /dev/vda /mnt || echo vm: cannot mount\n"
    "[ -e /mnt/word ] || echo vm: nothing there\n"
    "[ -e /mnt/word ] && [ \"$(md5sum < /mnt/numbers)\" = \"$(cat /mnt/sum)\" ] && echo vm: found $(cat "
    "/mnt/word)\n"
    "umount /mnt\n";

/// A disk on a mount with guest-built templates.
class VmDisk : public RobustnessTest {
 protected:
  void SetUp() override {
    RobustnessTest::SetUp();
    if (!IsSkipped()) daemon_ = &mount({"--accel", "tcg"});
  }
  std::string disk(std::string const& id) const { return *daemon_ / "btrfs/256M/" + id + ".img"; }
  static std::string boot(std::string const& disk, std::string const& script,
                          std::string const& options = {}) {
    return SmallVm(disk, script, options).wait_for_end();
  }

  Daemon* daemon_ = nullptr;
};

TEST_F(VmDisk, KeepsWhatAMachineWroteForItsNextBootAndForNoOther) {
  auto const first = boot(disk("vm"), kWrite);
  EXPECT_THAT(first, AllOf(HasSubstr("vm: written"), HasSubstr("vm: off"))) << daemon_->output();
  EXPECT_THAT(boot(disk("vm"), kRead), HasSubstr("vm: found kept"));
  EXPECT_THAT(boot(disk("other"), kRead),
              AllOf(HasSubstr("vm: nothing there"), Not(HasSubstr("cannot mount"))));
  EXPECT_EQ(status_of(*daemon_)["images"]["open"], 0);
}

TEST_F(VmDisk, SurvivesTheKillOfItsMachineInMidWrite) {
  {
    SmallVm machine(disk("vm"), std::string(kWrite) +
                                    "mount -t btrfs /dev/vda /mnt\n"
                                    "echo vm: busy\n"
                                    "while :; do seq 1 200000 > /mnt/more; sync; done\n");
    ASSERT_TRUE(machine.wait_for("vm: busy")) << machine.output();
    machine.kill();
  }
  EXPECT_THAT(boot(disk("vm"), kRead), HasSubstr("vm: found kept"));
}

/// The ways in which QEMU reads and writes a disk's file.
class VmDiskEngine : public VmDisk, public ::testing::WithParamInterface<char const*> {
 protected:
  void SetUp() override {
    VmDisk::SetUp();
    if (IsSkipped()) return;
    std::string const plain = *daemon_ / "raw/8M/plain.img";
    ASSERT_EQ(errno_of_open(plain), 0);
    auto const probe = run_command({"qemu-io", "-f", "raw", "-n", "-i", GetParam(), "-c", "read 0 4k", plain},
                                   Deadline::after(std::chrono::seconds(20)));
    if (probe.text.find("not supported") != std::string::npos ||
        probe.text.find("Unknown aio") != std::string::npos)
      GTEST_SKIP() << "this QEMU has no aio=" << GetParam() << ": " << probe.text;
    EXPECT_TRUE(probe.status.success()) << probe.text;
  }
};

TEST_P(VmDiskEngine, WorksWithoutTheHostsCache) {
  std::string const options = std::string(",cache=none,aio=") + GetParam();
  auto const output =
      boot(disk("vm"), std::string(kWrite) + "echo 3 > /proc/sys/vm/drop_caches\n" + kRead, options);
  EXPECT_THAT(output, AllOf(HasSubstr("vm: written"), HasSubstr("vm: found kept"))) << daemon_->output();
}

INSTANTIATE_TEST_SUITE_P(Engines, VmDiskEngine, ::testing::Values("threads", "native", "io_uring"),
                         [](auto const& each) { return std::string(each.param); });

}  // namespace

}  // namespace templatefs::test
