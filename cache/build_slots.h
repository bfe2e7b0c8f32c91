// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace templatefs::cache {

/// How many builds may run at once in this process. Waiting for a slot ends with a stop request.
class BuildSlots {
 public:
  explicit BuildSlots(unsigned count) : free_(count) {}

  /// Throws Error(ECANCELED) on a stop request. The slot is given back by the returned object.
  class Slot {
   public:
    explicit Slot(BuildSlots& slots) : slots_(&slots) {}
    Slot(Slot&& other) noexcept : slots_(other.slots_) { other.slots_ = nullptr; }
    Slot& operator=(Slot&&) = delete;
    ~Slot();

   private:
    BuildSlots* slots_;
  };
  Slot take(std::stop_token const& stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  unsigned free_;
};

}  // namespace templatefs::cache
