// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/session.h"
#include "cache/store.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace templatefs::cache {

/// Holds a store to its budget, whatever that is at the time, for as long as a mount lives: at once, then
/// time and again. Has a thread of its own, which ends with the object. Store and session are borrowed and
/// outlive it.
class Housekeeping {
 public:
  Housekeeping(Store const& store, Session const& session,
               std::chrono::milliseconds interval = std::chrono::minutes(10));

  /// The budget has changed: does not wait for the time to come.
  void look_now();

 private:
  void run(std::stop_token const& stop);
  void look() const;

  Store const& store_;
  Session const& session_;
  std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool wanted_ = false;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace templatefs::cache
