// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>

namespace templatefs::fusefs {

/// The right to receive the next request: one thread has it, the others wait for it here and not in the
/// kernel.
///
/// Were several in read(2), the kernel would wake another one for each request, on another processor, which
/// on virtual machines takes longer than most requests do. So the thread that has the lead keeps it while it
/// answers what is quick, and passes it on before it does what may take its time.
class Lead {
 public:
  /// The descriptor that requests are received from; borrowed.
  explicit Lead(int device) : device_(device) {}

  /// Waits for it. False where there is none any more.
  bool take();
  /// Whether this thread has it.
  bool held() const noexcept;
  /// Lets another thread have it. Nothing where this thread has not.
  void pass() noexcept;
  /// Whether a request waits.
  bool is_wanted() const noexcept;
  /// Nobody gets it any more.
  void end() noexcept;

 private:
  int const device_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool taken_ = false;
  bool ended_ = false;
};

/// To be called by an operation before it does what may take longer than to wake a thread: others serve
/// meanwhile. Does nothing on threads that have no lead. Any thread.
void let_others_serve() noexcept;
/// The same if a request waits to be served, which it answers.
bool let_crowd_serve() noexcept;
/// Whether this thread has the lead of any.
bool has_lead() noexcept;

}  // namespace templatefs::fusefs
