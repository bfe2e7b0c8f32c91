// SPDX-License-Identifier: Apache-2.0
#include "vm/kvm_trial.h"

#include "base/error.h"
#include "base/log.h"
#include "base/thread_name.h"

#include <cerrno>
#include <utility>

namespace templatefs::vm {

using Verdict = AcceleratorProbe::Verdict;

Verdict KvmTrial::choose(std::string const& qemu, std::string const& kernel,
                         AcceleratorProbe::BootOnKvm const& boot, std::stop_token const& stop) {
  if (auto verdict = probe_.without_trial(qemu, kernel)) return *std::move(verdict);
  std::unique_lock lock(mutex_);
  if (!state_ || state_->over) start(qemu, kernel, boot);
  auto const state = state_;
  changed_.wait_for(lock, stop, limits_.wait, [&] { return state->over; });
  if (stop.stop_requested()) throw Error(ECANCELED, "a trial of KVM was stopped");
  return state->verdict.value_or(Verdict{Accelerator::tcg, "KVM is still being tried"});
}

void KvmTrial::start(std::string const& qemu, std::string const& kernel,
                     AcceleratorProbe::BootOnKvm const& boot) {
  state_ = std::make_shared<State>(State{qemu, kernel, {}, {}, false, false});
  // The thread before, if there was one, is over.
  thread_ =
      std::jthread([this, state = state_, boot](std::stop_token const& stop) { run(state, boot, stop); });
}

void KvmTrial::run(std::shared_ptr<State> const& state, AcceleratorProbe::BootOnKvm const& boot,
                   std::stop_token const& stop) {
  name_this_thread("kvm trial");
  auto const boot_and_say_so = [&](Deadline deadline, std::stop_token const& token) {
    {
      std::lock_guard const lock(mutex_);
      state->booting = Deadline::Clock::now();
    }
    boot(deadline, token);
  };
  std::optional<Verdict> verdict;
  try {
    verdict = probe_.choose(state->qemu, state->kernel, boot_and_say_so, stop);
  } catch (Error const& error) {
    spdlog::debug("{}", error.sentence());
  }
  std::unique_lock lock(mutex_);
  if (!verdict && state->is_beaten) {
    verdict = Verdict{Accelerator::tcg, "a guest without KVM was through before one on KVM was up"};
    lock.unlock();  // and over only once it is remembered, or the next build would try again
    probe_.conclude(state->qemu, state->kernel, *verdict, Deadline::Clock::now() - *state->booting);
    lock.lock();
  }
  state->verdict = std::move(verdict);
  state->over = true;
  changed_.notify_all();
}

void KvmTrial::tcg_was_through() {
  std::unique_lock lock(mutex_);
  if (!state_ || state_->over || !state_->booting) return;
  if (Deadline::Clock::now() - *state_->booting < limits_.chance) return;
  auto const state = state_;
  state->is_beaten = true;
  thread_.request_stop();
  changed_.wait(lock, [&] { return state->over; });
}

}  // namespace templatefs::vm
