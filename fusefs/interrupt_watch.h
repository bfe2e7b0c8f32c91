// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace templatefs::fusefs {

/// Whether a signal waits to be handled by this thread (a pid as FUSE gives it). True where that cannot be
/// seen.
bool has_signal_pending(pid_t thread);

/// Requests whose FUSE_INTERRUPT no signal had caused.
///
/// The kernel sends one whenever the waiting thread has anything to do, not for signals alone: completions of
/// an io_uring are announced that way (TIF_NOTIFY_SIGNAL), and QEMU, which makes and closes a ring as it
/// starts, would see a cold open fail with EINTR without a signal in sight (Linux 6.18, QEMU 7.2). Such an
/// interrupt is not to be answered. But it is the only one that the kernel sends for a request: a signal that
/// comes later is noticed here, by looking.
class InterruptWatch {
 public:
  /// `look` is called from a thread of the watch's own, with an id and whether a signal is pending; false
  /// ends the watch over that id.
  using Look = std::function<bool(std::uint64_t id, bool signalled)>;
  explicit InterruptWatch(Look look) : look_(std::move(look)) {}
  ~InterruptWatch() { stop(); }
  InterruptWatch(InterruptWatch const&) = delete;
  InterruptWatch& operator=(InterruptWatch const&) = delete;

  void add(std::uint64_t id, pid_t thread);
  /// Joins its thread. Idempotent; nothing is watched afterwards.
  void stop();

 private:
  struct Watched {
    std::uint64_t id;
    pid_t thread;
  };
  void run();

  Look const look_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Watched> watched_;
  bool stopping_ = false;
  std::thread thread_;  // started with the first one watched
};

}  // namespace templatefs::fusefs
