// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/small_vm.h"
#include "tests/support/wait_until.h"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// QEMU's own locking of images, and its tools: a machine without a processor that runs is enough.
class VmLock : public RobustnessTest {
 protected:
  void SetUp() override {
    RobustnessTest::SetUp();
    if (IsSkipped()) return;
    daemon_ = &mount();
    disk_ = *daemon_ / "btrfs/256M/vm.img";
  }
  static std::vector<std::string> machine(std::string const& disk) {
    return {SmallVm::qemu(),
            "-M",
            "q35",
            "-accel",
            "tcg",
            "-nodefaults",
            "-display",
            "none",
            "-S",
            "-drive",
            "file=" + disk + ",format=raw,if=virtio"};
  }
  /// Whether anybody else holds a lock that QEMU takes: byte 100 and those after it.
  static bool is_locked(std::string const& disk) {
    Fd const image = open_at(AT_FDCWD, disk, O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 100;
    lock.l_len = 200;
    check(::fcntl(image.get(), F_OFD_GETLK, &lock), "ask for the locks of", disk);
    return lock.l_type != F_UNLCK;
  }
  /// A stopped machine that holds the disk.
  static Child hold(std::string const& disk) {
    Child child = Child::spawn(machine(disk));
    EXPECT_TRUE(wait_until([&] { return is_locked(disk); })) << "QEMU did not take the disk";
    return child;
  }
  static CommandOutput run(std::vector<std::string> const& command) {
    return run_command(command, Deadline::after(20s));
  }

  TempDir dir_;
  Daemon* daemon_ = nullptr;
  std::string disk_;
};

TEST_F(VmLock, ASecondMachineOnOneDiskIsRefusedByQemuItself) {
  Child const first = hold(disk_);
  auto const second = run(machine(disk_));
  EXPECT_FALSE(second.status.success());
  EXPECT_THAT(second.text, HasSubstr("Failed to get \"write\" lock"));
  Child const elsewhere = hold(*daemon_ / "btrfs/256M/other.img");
}

TEST_F(VmLock, IsFreeAgainOnceItsMachineWasKilled) {
  {
    Child first = hold(disk_);
    first.kill();
    (void)first.wait(Deadline::after(10s));
  }
  EXPECT_FALSE(is_locked(disk_));
  Child const second = hold(disk_);
  EXPECT_THAT(run(machine(disk_)).text, HasSubstr("Failed to get \"write\" lock"));
}

TEST_F(VmLock, QemuImgTakesAnImageForWhatItIs) {
  auto const info = run({"qemu-img", "info", disk_});
  EXPECT_TRUE(info.status.success()) << info.text;
  EXPECT_THAT(info.text, AllOf(HasSubstr("file format: raw"), HasSubstr("(268435456 bytes)")));

  // qemu-img has no check for raw images: it must say that, as it does of a plain file, and nothing else.
  std::string const plain = dir_ / "plain";
  Fd const file = open_at(AT_FDCWD, plain, O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::ftruncate(file.get(), 1 << 20), 0);
  auto const expected = run({"qemu-img", "check", "-f", "raw", plain});
  auto const checked = run({"qemu-img", "check", "-f", "raw", disk_});
  EXPECT_EQ(checked.text, expected.text);
  EXPECT_EQ(checked.status.describe(), expected.status.describe());

  auto const written =
      run({"qemu-io", "-f", "raw", "-c", "write -P 0x5a 1M 1M", "-c", "read -P 0x5a 1M 1M", disk_});
  EXPECT_TRUE(written.status.success()) << written.text;
  auto const copied = run({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk_, dir_ / "copy.qcow2"});
  EXPECT_TRUE(copied.status.success()) << copied.text;
  auto const compared = run({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", disk_, dir_ / "copy.qcow2"});
  EXPECT_THAT(compared.text, HasSubstr("Images are identical"));
}

}  // namespace

}  // namespace templatefs::test
