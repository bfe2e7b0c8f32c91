// SPDX-License-Identifier: Apache-2.0
#include "cache/build_slots.h"

#include "base/error.h"

#include <cerrno>

namespace templatefs::cache {

BuildSlots::Slot BuildSlots::take(std::stop_token const& stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [&] { return free_ > 0; })) throw Error(ECANCELED, "wait for a build slot");
  --free_;
  return Slot(*this);
}

BuildSlots::Slot::~Slot() {
  if (slots_ == nullptr) return;
  {
    std::lock_guard const lock(slots_->mutex_);
    ++slots_->free_;
  }
  slots_->changed_.notify_one();
}

}  // namespace templatefs::cache
