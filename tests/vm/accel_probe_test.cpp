// SPDX-License-Identifier: Apache-2.0
#include "vm/accel_probe.h"

#include "base/files.h"
#include "tests/vm/support.h"

#include <atomic>
#include <cerrno>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::HasSubstr;

class AccelProbe : public VmTest {
 protected:
  AccelProbe() {
    write_file(kvm_, "");
    write_file(qemu_, "qemu 1");
    write_file(kernel_, "kernel 1");
  }

  AcceleratorProbe::Options options() {
    return {scratch_ / "probe.json", scratch_ / "probe.lock", std::chrono::seconds(1), kvm_};
  }
  /// A new probe each time, as after a restart.
  Accelerator choose(AcceleratorProbe::BootOnKvm const& boot) {
    return AcceleratorProbe(options()).choose(qemu_, kernel_, boot, {}).accelerator;
  }
  Accelerator choose_working() {
    return choose([this](Deadline, std::stop_token const&) { ++boots_; });
  }
  Accelerator choose_hanging() {
    return choose([this](Deadline, std::stop_token const&) {
      ++boots_;
      throw Error(ETIMEDOUT, "the guest is silent");
    });
  }

  std::string const kvm_ = scratch_ / "kvm", qemu_ = scratch_ / "qemu", kernel_ = scratch_ / "kernel";
  int boots_ = 0;
};

}  // namespace

TEST_F(AccelProbe, KvmThatRanAGuestIsRememberedAcrossProcesses) {
  EXPECT_EQ(choose_working(), Accelerator::kvm);
  EXPECT_EQ(choose_working(), Accelerator::kvm);
  EXPECT_EQ(boots_, 1);
  EXPECT_THAT(read_file(AT_FDCWD, scratch_ / "probe.json"), HasSubstr("\"kvm\""));
}

TEST_F(AccelProbe, KvmThatHangsIsAskedOnce) {
  EXPECT_EQ(choose_hanging(), Accelerator::tcg);
  EXPECT_EQ(choose_working(), Accelerator::tcg);
  EXPECT_EQ(boots_, 1);
}

TEST_F(AccelProbe, TheWatchdogIsTheDeadlineGivenToTheGuest) {
  int left = 0;
  (void)choose([&](Deadline deadline, std::stop_token const&) { left = deadline.remaining_ms(); });
  EXPECT_GT(left, 500);
  EXPECT_LE(left, 1000);
}

TEST_F(AccelProbe, ForgetsWhenQemuOrKernelChange) {
  EXPECT_EQ(choose_hanging(), Accelerator::tcg);
  write_file(qemu_, "qemu two");
  EXPECT_EQ(choose_working(), Accelerator::kvm);
  write_file(kernel_, "kernel two");
  EXPECT_EQ(choose_hanging(), Accelerator::tcg);
  EXPECT_EQ(boots_, 3);
}

TEST_F(AccelProbe, ForgetsInOneProcessToo) {
  AcceleratorProbe probe(options());
  auto const boot = [this](Deadline, std::stop_token const&) { ++boots_; };
  (void)probe.choose(qemu_, kernel_, boot, {});
  (void)probe.choose(qemu_, kernel_, boot, {});
  EXPECT_EQ(boots_, 1);
  write_file(qemu_, "qemu two");
  (void)probe.choose(qemu_, kernel_, boot, {});
  EXPECT_EQ(boots_, 2);
}

TEST_F(AccelProbe, WithoutADeviceNothingIsProbedNorRemembered) {
  ::unlink(kvm_.c_str());
  EXPECT_EQ(choose_working(), Accelerator::tcg);
  EXPECT_EQ(boots_, 0);
  EXPECT_NE(::access((scratch_ / "probe.json").c_str(), F_OK), 0);
  write_file(kvm_, "");
  EXPECT_EQ(choose_working(), Accelerator::kvm);
}

TEST_F(AccelProbe, ADamagedMemoryIsProbedAnew) {
  for (std::string const damage : {"", "{", "[]", "{\"identity\":{}}", "{\"accelerator\":\"kvm\"}"}) {
    write_file(scratch_ / "probe.json", damage);
    boots_ = 0;
    EXPECT_EQ(choose_hanging(), Accelerator::tcg) << damage;
    EXPECT_EQ(boots_, 1) << damage;
  }
}

TEST_F(AccelProbe, AMemoryThatCannotBeWrittenIsNoFailure) {
  auto unwritable = options();
  unwritable.memory = scratch_ / "missing/probe.json";
  EXPECT_EQ(AcceleratorProbe(unwritable)
                .choose(qemu_, kernel_, [](Deadline, std::stop_token const&) {}, {})
                .accelerator,
            Accelerator::kvm);
}

TEST_F(AccelProbe, AStopRequestPassesThroughAndIsNoVerdict) {
  auto const error =
      error_of([&] { choose([](Deadline, std::stop_token const&) { throw Error(ECANCELED, "stopped"); }); });
  EXPECT_EQ(error.err(), ECANCELED);
  EXPECT_EQ(choose_working(), Accelerator::kvm);
}

TEST_F(AccelProbe, ManyAtOnceBootOneGuest) {
  std::atomic<int> boots = 0;
  AcceleratorProbe probe(options());
  auto const boot = [&](Deadline, std::stop_token const&) {
    ++boots;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  {
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i)
      threads.emplace_back(
          [&] { EXPECT_EQ(probe.choose(qemu_, kernel_, boot, {}).accelerator, Accelerator::kvm); });
  }
  EXPECT_EQ(boots, 1);
}

TEST(AcceleratorChoiceText, IsParsed) {
  EXPECT_EQ(parse_accelerator_choice("auto"), AcceleratorChoice::automatic);
  EXPECT_EQ(parse_accelerator_choice("kvm"), AcceleratorChoice::kvm);
  EXPECT_EQ(parse_accelerator_choice("tcg"), AcceleratorChoice::tcg);
  EXPECT_EQ(parse_accelerator_choice("KVM"), std::nullopt);
}

}  // namespace templatefs::vm
