// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <stop_token>
#include <thread>

namespace templatefs::cli {

/// Turns the signals that end a program into a stop request, so that what was begun is undone. The signals
/// have to be blocked (fusefs::block_end_signals) before any thread is made.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  StopOnSignal(StopOnSignal const&) = delete;
  StopOnSignal& operator=(StopOnSignal const&) = delete;

  std::stop_token token() const noexcept { return stop_.get_token(); }

 private:
  void wait_for_signal();

  std::stop_source stop_;
  Fd signals_;
  Fd over_;
  std::thread waiter_;  // last: it uses the rest
};

}  // namespace templatefs::cli
