// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/accel_probe.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

namespace templatefs::vm {

/// A probe of KVM that builds do not wait long for. Where KVM works, a guest is up on it within a second;
/// where it does not, whoever builds first would wait for the whole watchdog. So the trial goes on beside the
/// build, and ends with the first that was through without KVM meanwhile. Safe from many threads; its end
/// ends the trial.
class KvmTrial {
 public:
  /// How long a build waits for a verdict, and how long a guest has at least to come up on KVM.
  struct Limits {
    std::chrono::milliseconds wait = std::chrono::seconds(1);
    std::chrono::milliseconds chance = std::chrono::seconds(2);
  };

  explicit KvmTrial(AcceleratorProbe& probe) : KvmTrial(probe, Limits()) {}
  KvmTrial(AcceleratorProbe& probe, Limits limits) : probe_(probe), limits_(limits) {}

  /// As AcceleratorProbe::choose, but tcg where there is no verdict in time. `boot` is called on a thread of
  /// the trial, and kept until its end. Throws Error(ECANCELED) only.
  AcceleratorProbe::Verdict choose(std::string const& qemu, std::string const& kernel,
                                   AcceleratorProbe::BootOnKvm const& boot, std::stop_token const& stop);

  /// A whole build ran on tcg: a guest on KVM that had its chance and is still not up is none to wait for.
  /// Remembered as the probe's verdict.
  void tcg_was_through();

 private:
  struct State {
    std::string qemu, kernel;
    std::optional<Deadline::Clock::time_point> booting;  // since when
    std::optional<AcceleratorProbe::Verdict> verdict;
    bool is_beaten = false;  // by a build on tcg
    bool over = false;
  };

  void start(std::string const& qemu, std::string const& kernel, AcceleratorProbe::BootOnKvm const& boot);
  void run(std::shared_ptr<State> const& state, AcceleratorProbe::BootOnKvm const& boot,
           std::stop_token const& stop);

  AcceleratorProbe& probe_;
  Limits const limits_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::shared_ptr<State> state_;
  std::jthread thread_;  // the last, so that it ends before what it uses
};

}  // namespace templatefs::vm
