// SPDX-License-Identifier: Apache-2.0
#include "fusefs/workers.h"

#include "base/log.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include <pthread.h>
#include <signal.h>

namespace templatefs::fusefs {

namespace {

constexpr int kWakeSignal = SIGUSR1;

/// A handler that does nothing, without SA_RESTART: the signal's only effect is EINTR from a blocking read.
void install_wake_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(kWakeSignal, &action, nullptr);
}

}  // namespace

Workers::Workers(fuse_session* session, std::function<void()> on_end)
    : session_(session), on_end_(std::move(on_end)) {
  install_wake_handler();
}

void Workers::start_first() {
  start_one();
}

void Workers::start_rest(unsigned count) {
  while (workers_.size() < count) start_one();
}

void Workers::start_one() {
  workers_.push_back(std::make_unique<Worker>());
  Worker& worker = *workers_.back();
  worker.thread = std::thread([this, &worker] { run(worker); });
}

void Workers::run(Worker& self) {
  fuse_buf buffer{};
  while (!stopping_ && !fuse_session_exited(session_)) {
    int const received = fuse_session_receive_buf(session_, &buffer);
    if (received == -EINTR || received == -EAGAIN) continue;
    if (received <= 0) break;
    fuse_session_process_buf(session_, &buffer);
  }
  std::free(buffer.mem);
  self.ended = true;
  if (!stopping_) on_end_();
}

void Workers::stop() {
  stopping_ = true;
  for (auto const& worker : workers_) {
    // Again and again: a signal that arrives just before the read blocks wakes nobody.
    while (!worker->ended) {
      ::pthread_kill(worker->thread.native_handle(), kWakeSignal);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    worker->thread.join();
  }
  workers_.clear();
}

}  // namespace templatefs::fusefs
