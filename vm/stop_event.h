// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <stop_token>

namespace templatefs::vm {

/// A stop request as something that poll(2) can wait for.
class StopEvent {
 public:
  explicit StopEvent(std::stop_token const& stop);

  /// Readable once a stop was requested.
  int fd() const noexcept { return event_.get(); }

 private:
  struct Signal {
    int fd;
    void operator()() const noexcept;
  };
  // The callback may run in another thread until it is destroyed, so the descriptor outlives it.
  Fd event_;
  std::stop_callback<Signal> on_stop_;
};

}  // namespace templatefs::vm
