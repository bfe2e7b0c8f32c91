// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "cache/store.h"

namespace templatefs::cli {

/// A process outside our process tree that waits for our end, and for that of all children that hold our
/// descriptors: if they end without its dismissal, it sweeps the store behind them.
class SweepWatchdog {
 public:
  /// Throws Error. Must be called before the process has a second thread.
  explicit SweepWatchdog(cache::Store::Options const& store);
  SweepWatchdog(SweepWatchdog const&) = delete;
  SweepWatchdog& operator=(SweepWatchdog const&) = delete;

  /// All went well. Returns once it is gone, seconds at most.
  void dismiss() noexcept;

 private:
  Fd line_;  // its end of the line tells it of ours
};

}  // namespace templatefs::cli
