// SPDX-License-Identifier: Apache-2.0
#include "fusefs/workers.h"

#include "base/log.h"
#include "base/thread_name.h"
#include "fusefs/nearness.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

namespace templatefs::fusefs {

namespace {

constexpr int kWakeSignal = SIGUSR1;
constexpr auto kLinger = std::chrono::microseconds(30);

/// A handler that does nothing, without SA_RESTART: the signal's only effect is EINTR from a blocking read.
void install_wake_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(kWakeSignal, &action, nullptr);
}

/// 0 for what the kernel asks of its own.
pid_t caller_of(fuse_buf const& request) {
  return static_cast<pid_t>(static_cast<fuse_in_header const*>(request.mem)->pid);
}

/// What takes a few system calls that wait for nothing, or says so itself (let_others_serve).
bool is_quick(fuse_buf const& request) {
  switch (static_cast<fuse_in_header const*>(request.mem)->opcode) {
    case FUSE_LOOKUP:
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_GETATTR:
    case FUSE_OPEN:
    case FUSE_RELEASE:
    case FUSE_READ:
    case FUSE_WRITE:
    case FUSE_OPENDIR:
    case FUSE_RELEASEDIR:
    case FUSE_INTERRUPT:
      return true;
    default:
      return false;
  }
}

}  // namespace

Workers::Workers(fuse_session* session, std::function<void()> on_end)
    : session_(session), on_end_(std::move(on_end)), lead_(fuse_session_fd(session)) {
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

/// Awake until the next request, for as long as it may be on its way.
void Workers::linger() const noexcept {
  auto const limit = std::chrono::steady_clock::now() + kLinger;
  pollfd device{fuse_session_fd(session_), POLLIN, 0};
  while (::poll(&device, 1, 0) == 0 && std::chrono::steady_clock::now() < limit) ::sched_yield();
}

void Workers::run(Worker& self) {
  name_this_thread("worker");
  fuse_buf buffer{};
  Nearness nearness;
  while (!stopping_ && !fuse_session_exited(session_) && (lead_.held() || lead_.take())) {
    if (nearness.is_apart()) linger();
    int const received = fuse_session_receive_buf(session_, &buffer);
    if (received == -EINTR || received == -EAGAIN) continue;
    if (received <= 0) break;
    auto const caller = caller_of(buffer);
    if (!is_quick(buffer)) lead_.pass();
    if (lead_.held()) nearness.about_to_serve(caller);
    fuse_session_process_buf(session_, &buffer);
  }
  lead_.pass();
  std::free(buffer.mem);
  self.ended = true;
  if (!stopping_) on_end_();
}

void Workers::stop() {
  stopping_ = true;
  lead_.end();
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
