// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/vm/guest_fixture.h"
#include "vm/cpio_writer.h"
#include "vm/guest_process.h"
#include "vm/initramfs.h"
#include "vm/run_guest.h"
#include "vm/tsc.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace templatefs::vm {

namespace {

using testing::AnyOf;
using testing::HasSubstr;
using Seconds = std::chrono::duration<double>;

class GuestFailure : public GuestTest {
 protected:
  /// A QEMU of the test's own: a script.
  void pretend_qemu(std::string const& body) {
    write_script(scratch_ / "qemu", body);
    options_.qemu = scratch_ / "qemu";
  }
  /// Boots the real QEMU on an initramfs of the test's own.
  BuildReport run(std::string const& initramfs, std::chrono::milliseconds limit) {
    GuestRun guest_run;
    guest_run.machine.qemu = find_qemu("");
    guest_run.machine.kernel = find_kernel("").image;
    guest_run.machine.image = make_image(image_, 16 << 20);
    guest_run.machine.tsc_khz = tsc_khz();
    guest_run.job.size = 16 << 20;
    guest_run.log_path = log_;
    guest_run.deadline = Deadline::after(limit);
    guest_run.stop = stop_.get_token();
    return run_guest(guest_run, make_memory_file("test", initramfs));
  }
};

double seconds_since(Deadline::Clock::time_point start) {
  return Seconds(Deadline::Clock::now() - start).count();
}

}  // namespace

TEST_F(GuestFailure, AFormatterThatFailsIsEioWithItsWords) {
  auto const error = error_of([&] { build(spec_of("ext4", 16, {"-b", "100"})); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.text(), HasSubstr("the formatter failed with exit status 1"));
  EXPECT_THAT(error.sentence(), HasSubstr("invalid block size - 100"));
  EXPECT_THAT(read_file(AT_FDCWD, log_), HasSubstr("invalid block size - 100"));
}

TEST_F(GuestFailure, AnArgumentWithANewlineBootsNothing) {
  auto const start = Deadline::Clock::now();
  EXPECT_EQ(error_of([&] { build(spec_of("ext4", 16, {"-L", "a\nb"})); }).err(), EINVAL);
  EXPECT_LT(seconds_since(start), 1);
}

TEST_F(GuestFailure, APanicIsEioWithTheConsolesLastLines) {
  auto const error = error_of([&] { run(CpioWriter().finish(), std::chrono::seconds(30)); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.text(), HasSubstr("ended without a result"));
  EXPECT_THAT(error.sentence(), HasSubstr("Kernel panic"));
  auto const& tail = error.remedy();
  EXPECT_LE(std::count(tail.begin(), tail.end(), '\n'), 20);
}

TEST_F(GuestFailure, AnInitThatEndsIsAPanic) {
  CpioWriter archive;
  archive.add_file("init", "not a program", 0755);
  EXPECT_EQ(error_of([&] { run(archive.finish(), std::chrono::seconds(30)); }).err(), EIO);
}

TEST_F(GuestFailure, AMissingModuleFileIsNamed) {
  // The list of a guest whose report port works, with one module too many.
  auto modules = find_modules(find_kernel("").modules, {"virtio_mmio", "virtio_console", "virtio_blk"}, {});
  write_file(scratch_ / "broken.ko", "no module");
  modules.push_back({scratch_ / "broken.ko", true});
  auto const error = error_of([&] { run(make_initramfs({modules, {}, nullptr}), std::chrono::seconds(30)); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.sentence(), HasSubstr("step \"modules\" failed in the guest"));
  EXPECT_THAT(error.sentence(), HasSubstr("broken.ko"));
}

TEST_F(GuestFailure, AnOptionalModuleMayBeBroken) {
  auto modules = find_modules(find_kernel("").modules, {"virtio_mmio", "virtio_console", "virtio_blk"}, {});
  write_file(scratch_ / "broken.ko", "no module");
  modules.push_back({scratch_ / "broken.ko", false});
  EXPECT_FALSE(run(make_initramfs({modules, {}, nullptr}), std::chrono::seconds(30)).mounted);
}

TEST_F(GuestFailure, AHangEndsAtTheLimit) {
  pretend_qemu("echo 'QEMU is here' >&2; sleep 60 & sleep 60");
  options_.time_limit = std::chrono::milliseconds(500);
  auto const start = Deadline::Clock::now();
  auto const error = error_of([&] { build(spec_of("ext4", 16)); });
  EXPECT_EQ(error.err(), ETIMEDOUT);
  EXPECT_THAT(error.sentence(), HasSubstr("QEMU is here"));
  EXPECT_LT(seconds_since(start), 3);
}

TEST_F(GuestFailure, ARealGuestIsCutOffAtTheLimit) {
  options_.time_limit = std::chrono::milliseconds(400);
  EXPECT_EQ(error_of([&] { build(spec_of("ext4", 16)); }).err(), ETIMEDOUT);
}

TEST_F(GuestFailure, AStopRequestEndsItAtOnce) {
  std::jthread const stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    stop_.request_stop();
  });
  auto const start = Deadline::Clock::now();
  EXPECT_EQ(error_of([&] { build(spec_of("btrfs", 256)); }).err(), ECANCELED);
  EXPECT_LT(seconds_since(start), 2);
}

TEST_F(GuestFailure, AStopRequestedBeforehandBootsNothing) {
  stop_.request_stop();
  auto const start = Deadline::Clock::now();
  EXPECT_EQ(error_of([&] { build(spec_of("ext4", 16)); }).err(), ECANCELED);
  EXPECT_LT(seconds_since(start), 1);
}

TEST_F(GuestFailure, AQemuThatDiesAtOnceIsEioWithItsWords) {
  pretend_qemu("echo 'no such machine' >&2; exit 1");
  auto const error = error_of([&] { build(spec_of("ext4", 16)); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.sentence(), HasSubstr("QEMU: exit status 1"));
  EXPECT_THAT(error.sentence(), HasSubstr("no such machine"));
}

TEST_F(GuestFailure, QemuLeavingWithSuccessProvesNothing) {
  pretend_qemu("exit 0");
  EXPECT_EQ(error_of([&] { build(spec_of("ext4", 16)); }).err(), EIO);
}

TEST_F(GuestFailure, AGuestThatTalksNonsenseIsEio) {
  pretend_qemu("echo '{\"event\":\"done\"}' >&4; exec sleep 60");
  EXPECT_THAT(error_of([&] { build(spec_of("ext4", 16)); }).text(),
              HasSubstr("said \"done\" where \"ready\""));
}

TEST_F(GuestFailure, QmpTellsAFullStoreFromAnIoError) {
  auto const fail_with = [&](std::string const& data) {
    write_script(scratch_ / "qemu",
                 "echo '{\"event\":\"BLOCK_IO_ERROR\",\"data\":{" + data + "}}' >&5; exec sleep 60");
    return error_of([&] { build(spec_of("ext4", 16)); }).err();
  };
  options_.qemu = scratch_ / "qemu";
  EXPECT_EQ(fail_with("\"nospace\":true,\"reason\":\"x\""), ENOSPC);
  EXPECT_EQ(fail_with("\"nospace\":false,\"reason\":\"Disk quota exceeded\""), EDQUOT);
  EXPECT_EQ(fail_with("\"nospace\":false,\"reason\":\"Input/output error\""), EIO);
}

TEST_F(GuestFailure, AFullStoreIsEnospcAndNotAMereEio) {
  std::string const small = scratch_ / "small";
  if (::mkdir(small.c_str(), 0700) != 0 || ::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=96k") != 0)
    GTEST_SKIP() << "mounting takes root";
  image_ = small + "/image";
  auto const error = error_of([&] { build(spec_of("btrfs", 256)); });
  EXPECT_EQ(::umount(small.c_str()), 0);
  EXPECT_EQ(error.err(), ENOSPC) << error.sentence();
}

TEST_F(GuestFailure, MissingPiecesAreEnopkgWithThePackage) {
  {
    ScopedVariable const path("PATH", scratch_.path());
    auto const error = error_of([&] { build(spec_of("xfs", 512)); });
    EXPECT_EQ(error.err(), ENOPKG);
    EXPECT_THAT(error.text(), HasSubstr("mkfs.xfs not found on PATH"));
    EXPECT_EQ(error_of([&] { builder().inputs(spec_of("xfs", 512)); }).err(), ENOPKG);
  }
  options_.qemu = "qemu-system-absent";
  EXPECT_EQ(error_of([&] { GuestBuilder(options_).build(spec_of("xfs", 512), image_, log_, {}, {}); }).err(),
            ENOPKG);
  options_.kernel_roots.modules = scratch_ / "modules";
  auto const error = error_of([&] { GuestBuilder(options_).inputs(spec_of("xfs", 512)); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_THAT(error.remedy(), HasSubstr("linux-image-"));
}

TEST_F(GuestFailure, AHungKvmCostsTheWatchdogOnce) {
  write_file(scratch_ / "kvm", "");
  // On KVM it hangs as some hosts do; on TCG it is the real one.
  pretend_qemu("case \"$*\" in *'-accel kvm'*) exec sleep 60;; esac; exec qemu-system-x86_64 \"$@\"");
  options_.accelerator = AcceleratorChoice::automatic;
  options_.probe = {scratch_ / "probe.json", scratch_ / "probe.lock", std::chrono::milliseconds(700),
                    scratch_ / "kvm"};
  auto start = Deadline::Clock::now();
  EXPECT_EQ(builder().accelerator({}).accelerator, Accelerator::tcg);
  EXPECT_THAT(seconds_since(start), testing::AllOf(testing::Ge(0.7), testing::Lt(2.5)));
  start = Deadline::Clock::now();
  EXPECT_EQ(GuestBuilder(options_).accelerator({}).accelerator, Accelerator::tcg);
  EXPECT_LT(seconds_since(start), 0.3);
  EXPECT_EQ(build(spec_of("ext4", 16)).accelerator, "tcg");
}

TEST_F(GuestFailure, TheRealProbeAnswersWithinSeconds) {
  options_.accelerator = AcceleratorChoice::automatic;
  options_.probe.memory = scratch_ / "probe.json";
  options_.probe.lock = scratch_ / "probe.lock";
  auto const start = Deadline::Clock::now();
  EXPECT_THAT(builder().accelerator({}).accelerator, AnyOf(Accelerator::kvm, Accelerator::tcg));
  EXPECT_LT(seconds_since(start), 10);
}

}  // namespace templatefs::vm
