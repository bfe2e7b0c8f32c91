// SPDX-License-Identifier: Apache-2.0
#include "vm/qemu_argv.h"

#include "tests/vm/support.h"
#include "vm/tsc.h"

#include <algorithm>
#include <cerrno>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace templatefs::vm {

namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

GuestMachine machine() {
  GuestMachine out;
  out.qemu = "/usr/bin/qemu-system-x86_64";
  out.kernel = "/boot/vmlinuz-6";
  out.initrd = "/proc/self/fd/6";
  out.image = "/store/t.img";
  out.tsc_khz = 2600000;
  out.console_fd = 3;
  out.report_fd = 4;
  out.qmp_fd = 5;
  return out;
}

/// The word after an option, which must be there once.
std::string value_of(std::vector<std::string> const& argv, std::string const& option) {
  EXPECT_EQ(std::count(argv.begin(), argv.end(), option), 1) << option;
  auto const at = std::find(argv.begin(), argv.end(), option);
  return at == argv.end() || at + 1 == argv.end() ? "" : *(at + 1);
}

}  // namespace

TEST(QemuArgv, DescribesASmallMachineWithoutNetworkThatDoesNotReboot) {
  auto const argv = qemu_argv(machine());
  EXPECT_EQ(argv[0], "/usr/bin/qemu-system-x86_64");
  EXPECT_EQ(value_of(argv, "-M"), "microvm");
  EXPECT_EQ(value_of(argv, "-smp"), "1");
  EXPECT_EQ(value_of(argv, "-kernel"), "/boot/vmlinuz-6");
  EXPECT_EQ(value_of(argv, "-initrd"), "/proc/self/fd/6");
  EXPECT_THAT(argv, testing::IsSupersetOf({"-nodefaults", "-no-user-config", "-no-reboot"}));
  EXPECT_THAT(argv, Not(Contains(HasSubstr("netdev"))));
}

TEST(QemuArgv, ConnectsTheThreeSockets) {
  auto const argv = qemu_argv(machine());
  EXPECT_THAT(argv,
              testing::IsSupersetOf({"socket,id=console,fd=3", "socket,id=report,fd=4", "socket,id=qmp,fd=5",
                                     "virtserialport,chardev=report,name=templatefs.report"}));
}

TEST(QemuArgv, ChoosesTheCpuWithTheAccelerator) {
  auto guest = machine();
  EXPECT_EQ(value_of(qemu_argv(guest), "-accel"), "tcg");
  EXPECT_EQ(value_of(qemu_argv(guest), "-cpu"), "max,-cx16");
  guest.accelerator = Accelerator::kvm;
  EXPECT_EQ(value_of(qemu_argv(guest), "-accel"), "kvm");
  EXPECT_EQ(value_of(qemu_argv(guest), "-cpu"), "host");
}

TEST(QemuArgv, CarriesAnyPathInTheDisk) {
  auto guest = machine();
  guest.image = "/a,b=\"c\" \\d/t.img";
  auto const disk = nlohmann::json::parse(value_of(qemu_argv(guest), "-blockdev"));
  EXPECT_EQ(disk["file"]["filename"], guest.image);
  EXPECT_EQ(disk["discard"], "unmap");
  EXPECT_EQ(disk["detect-zeroes"], "unmap");
  EXPECT_EQ(disk["cache"]["no-flush"], true);
  EXPECT_THAT(qemu_argv(guest), Contains(HasSubstr("werror=report")));
}

TEST(QemuArgv, TheSeedIsASecondDiskThatNobodyWrites) {
  auto guest = machine();
  EXPECT_THAT(qemu_argv(guest), Not(Contains(HasSubstr("drive=seed"))));
  guest.seed = "/a,b.tar";
  auto const argv = qemu_argv(guest);
  auto const disk = nlohmann::json::parse(*std::find_if(
      argv.begin(), argv.end(), [](auto const& word) { return word.find("/a,b.tar") != word.npos; }));
  EXPECT_EQ(disk["file"]["filename"], guest.seed);
  EXPECT_EQ(disk["read-only"], true);
  EXPECT_THAT(argv, Contains(HasSubstr("drive=seed")));
}

TEST(QemuArgv, HasNoDiskWithoutAnImage) {
  auto guest = machine();
  guest.image.clear();
  EXPECT_THAT(qemu_argv(guest), Not(Contains("-blockdev")));
  EXPECT_THAT(qemu_argv(guest), Not(Contains(HasSubstr("virtio-blk"))));
}

TEST(QemuArgv, MemoryIsSharedToBeSavedAndPrivateToGoOnFromIt) {
  auto guest = machine();
  EXPECT_THAT(qemu_argv(guest), Not(Contains(HasSubstr("memory-backend"))));
  guest.memory_fd = 9;
  EXPECT_EQ(value_of(qemu_argv(guest), "-M"), "microvm,memory-backend=memory");
  EXPECT_EQ(value_of(qemu_argv(guest), "-object"),
            "memory-backend-file,id=memory,size=512M,share=on,mem-path=/proc/self/fd/9");
  EXPECT_THAT(qemu_argv(guest), Not(Contains("-S")));
  guest.state_fd = 10;
  guest.initrd.clear();
  auto const argv = qemu_argv(guest);
  EXPECT_THAT(value_of(argv, "-object"), HasSubstr("share=off"));
  EXPECT_EQ(value_of(argv, "-incoming"), "defer");
  EXPECT_THAT(argv, Contains("-S"));
  EXPECT_THAT(argv, Not(Contains("-initrd")));
}

TEST(QemuArgv, TellsATcgGuestTheSpeedOfItsCounter) {
  auto guest = machine();
  EXPECT_THAT(kernel_command_line(guest), HasSubstr("tsc_early_khz=2600000"));
  guest.tsc_khz = 0;
  EXPECT_THAT(kernel_command_line(guest), Not(HasSubstr("tsc")));
  guest.tsc_khz = 2600000;
  guest.accelerator = Accelerator::kvm;
  EXPECT_THAT(kernel_command_line(guest), Not(HasSubstr("tsc")));
}

TEST(FindQemu, NamesThePackage) {
  ScopedVariable const path("PATH", "/nonexistent");
  auto const error = error_of([] { find_qemu(""); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_THAT(error.text(), HasSubstr("qemu-system-x86_64 not found on PATH"));
  EXPECT_THAT(error.remedy(), HasSubstr("qemu-system-x86 package"));
}

TEST(Tsc, IsMeasuredOnceAndPlausible) {
  EXPECT_GT(tsc_khz(), 100'000);
  EXPECT_LT(tsc_khz(), 20'000'000);
  EXPECT_EQ(tsc_khz(), tsc_khz());
}

}  // namespace templatefs::vm
