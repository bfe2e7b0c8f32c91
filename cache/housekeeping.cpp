// SPDX-License-Identifier: Apache-2.0
#include "cache/housekeeping.h"

#include "base/error.h"
#include "base/log.h"
#include "cache/gc.h"

namespace templatefs::cache {

Housekeeping::Housekeeping(Store const& store, Session const& session, std::chrono::milliseconds interval)
    : store_(store),
      session_(session),
      interval_(interval),
      thread_([this](std::stop_token const& stop) { run(stop); }) {}

void Housekeeping::look_now() {
  {
    std::lock_guard const lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_one();
}

void Housekeeping::run(std::stop_token const& stop) {
  while (!stop.stop_requested()) {
    look();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, interval_, [this] { return wanted_; });
    wanted_ = false;
  }
}

void Housekeeping::look() const {
  auto const budget = store_.budget();
  if (!budget.limits()) return;
  try {
    if (!collect_garbage(store_, session_, budget).held)
      spdlog::warn("the budget of the store {} does not hold: what is left is in use or kept", store_.path());
  } catch (...) {
    spdlog::warn("the budget of the store was not looked after: {}",
                 to_error(std::current_exception()).sentence());
  }
}

}  // namespace templatefs::cache
