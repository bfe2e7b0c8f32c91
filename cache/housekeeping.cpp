// SPDX-License-Identifier: Apache-2.0
#include "cache/housekeeping.h"

#include "base/error.h"
#include "base/log.h"
#include "cache/gc.h"

#include <condition_variable>
#include <mutex>

namespace templatefs::cache {

Housekeeping::Housekeeping(Store const& store, Session const& session, std::chrono::milliseconds interval)
    : store_(store),
      session_(session),
      interval_(interval),
      thread_([this](std::stop_token const& stop) { run(stop); }) {}

void Housekeeping::run(std::stop_token const& stop) const {
  std::mutex mutex;
  std::condition_variable_any stopped;
  while (!stop.stop_requested()) {
    try {
      if (!collect_garbage(store_, session_, store_.budget()).held)
        spdlog::warn("the budget of the store {} does not hold: what is left is in use or kept",
                     store_.path());
    } catch (...) {
      spdlog::warn("the budget of the store was not looked after: {}",
                   to_error(std::current_exception()).sentence());
    }
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, interval_, [] { return false; });
  }
}

}  // namespace templatefs::cache
