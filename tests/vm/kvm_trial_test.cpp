// SPDX-License-Identifier: Apache-2.0
#include "vm/kvm_trial.h"

#include "base/files.h"
#include "tests/support/wait_until.h"
#include "tests/vm/support.h"

#include <atomic>
#include <cerrno>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>

namespace templatefs::vm {

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// A device, a QEMU and a kernel that are files; what is booted on them is a function.
class KvmTrialTest : public VmTest {
 protected:
  KvmTrialTest() {
    write_file(kvm_, "");
    write_file(qemu_, "qemu 1");
    write_file(kernel_, "kernel 1");
  }

  Accelerator choose(KvmTrial& trial, AcceleratorProbe::BootOnKvm const& boot,
                     std::stop_token const& stop = {}) {
    return trial.choose(qemu_, kernel_, boot, stop).accelerator;
  }
  /// As QEMU on a KVM that runs nothing: until it is stopped, or its time is over.
  AcceleratorProbe::BootOnKvm hanging() {
    return [this](Deadline deadline, std::stop_token const& stop) {
      ++boots_;
      if (!test::wait_until([&] { return stop.stop_requested() || deadline.passed(); }))
        throw Error(EIO, "neither");
      if (stop.stop_requested()) ++stopped_;
      throw Error(stop.stop_requested() ? ECANCELED : ETIMEDOUT, "the guest is silent");
    };
  }
  std::string remembered() {
    auto const file = open_at_if_exists(AT_FDCWD, memory_, O_RDONLY);
    return file ? read_file(AT_FDCWD, memory_) : std::string();
  }

  std::string const kvm_ = scratch_ / "kvm", qemu_ = scratch_ / "qemu", kernel_ = scratch_ / "kernel";
  std::string const memory_ = scratch_ / "probe.json";
  AcceleratorProbe probe_{{memory_, scratch_ / "probe.lock", 20s, kvm_}};
  std::atomic<int> boots_ = 0, stopped_ = 0;
};

}  // namespace

TEST_F(KvmTrialTest, WaitsForAGuestThatComesUp) {
  KvmTrial trial(probe_, {20s, 0s});
  EXPECT_EQ(choose(trial, [](Deadline, std::stop_token const&) {}), Accelerator::kvm);
  EXPECT_THAT(remembered(), HasSubstr("\"kvm\""));
}

TEST_F(KvmTrialTest, DoesNotWaitForOneThatDoesNot) {
  KvmTrial trial(probe_, {1ms, 1h});
  EXPECT_EQ(choose(trial, hanging()), Accelerator::tcg);
  EXPECT_EQ(choose(trial, hanging()), Accelerator::tcg);
  EXPECT_LE(boots_, 1) << "one trial is enough";
  EXPECT_EQ(remembered(), "") << "that is no verdict yet";
}

TEST_F(KvmTrialTest, UsesWhatCameUpLate) {
  std::atomic<bool> up = false;
  KvmTrial trial(probe_, {1ms, 0s});
  auto const late = [&](Deadline, std::stop_token const&) {
    EXPECT_TRUE(test::wait_until([&] { return up.load(); }));
  };
  EXPECT_EQ(choose(trial, late), Accelerator::tcg);
  up = true;
  EXPECT_TRUE(test::wait_until([&] { return choose(trial, late) == Accelerator::kvm; }));
}

TEST_F(KvmTrialTest, EndsWhenABuildWasThroughWithoutKvm) {
  KvmTrial trial(probe_, {1ms, 0s});
  EXPECT_EQ(choose(trial, hanging()), Accelerator::tcg);
  ASSERT_TRUE(test::wait_until([&] { return boots_ == 1; }));
  trial.tcg_was_through();
  EXPECT_EQ(stopped_, 1);
  EXPECT_THAT(remembered(), HasSubstr("a guest without KVM was through"));
  EXPECT_EQ(choose(trial, hanging()), Accelerator::tcg);
  EXPECT_EQ(boots_, 1) << "the verdict is remembered";
}

TEST_F(KvmTrialTest, HasItsChanceHoweverQuickABuildIs) {
  KvmTrial trial(probe_, {1ms, 1h});
  (void)choose(trial, hanging());
  ASSERT_TRUE(test::wait_until([&] { return boots_ == 1; }));
  trial.tcg_was_through();
  EXPECT_EQ(stopped_, 0);
  EXPECT_EQ(remembered(), "");
}

TEST_F(KvmTrialTest, ItsEndEndsTheGuestAndIsNoVerdict) {
  {
    KvmTrial trial(probe_, {1ms, 0s});
    (void)choose(trial, hanging());
    ASSERT_TRUE(test::wait_until([&] { return boots_ == 1; }));
  }
  EXPECT_EQ(stopped_, 1);
  EXPECT_EQ(remembered(), "");
}

TEST_F(KvmTrialTest, AStoppedBuildWaitsNoLonger) {
  KvmTrial trial(probe_, {20s, 0s});
  std::stop_source source;
  std::jthread const stopper([&] {
    EXPECT_TRUE(test::wait_until([&] { return boots_ == 1; }));
    source.request_stop();
  });
  auto const error = error_of([&] { (void)choose(trial, hanging(), source.get_token()); });
  EXPECT_EQ(error.err(), ECANCELED);
  EXPECT_EQ(stopped_, 0) << "others may wait for it";
}

TEST_F(KvmTrialTest, WithoutADeviceThereIsNone) {
  ::unlink(kvm_.c_str());
  KvmTrial trial(probe_, {20s, 0s});
  EXPECT_EQ(choose(trial, hanging()), Accelerator::tcg);
  EXPECT_EQ(boots_, 0);
}

}  // namespace templatefs::vm
