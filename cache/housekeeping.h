// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/session.h"
#include "cache/store.h"

#include <chrono>
#include <thread>

namespace templatefs::cache {

/// Holds a store to its budget for as long as a mount lives: at once, then time and again. Has a thread of
/// its own, which ends with the object. Store and session are borrowed and outlive it.
class Housekeeping {
 public:
  Housekeeping(Store const& store, Session const& session,
               std::chrono::milliseconds interval = std::chrono::minutes(10));

 private:
  void run(std::stop_token const& stop) const;

  Store const& store_;
  Session const& session_;
  std::chrono::milliseconds interval_;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace templatefs::cache
