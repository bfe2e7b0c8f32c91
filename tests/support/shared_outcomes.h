// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <algorithm>
#include <atomic>
#include <cstddef>

#include <sys/mman.h>

namespace templatefs::test {

/// What processes of a test's did, as they do it, in memory that they share with it: known however they end.
class SharedOutcomes {
 public:
  /// Of what nobody came to the end of.
  static constexpr int kUnseen = -1;

  explicit SharedOutcomes(std::size_t count)
      : count_(std::max<std::size_t>(count, 1)), outcomes_(map(count_ * sizeof(std::atomic<int>))) {
    for (std::size_t at = 0; at < count_; ++at) outcomes_[at] = kUnseen;
  }
  ~SharedOutcomes() { ::munmap(outcomes_, count_ * sizeof(std::atomic<int>)); }
  SharedOutcomes(SharedOutcomes const&) = delete;
  SharedOutcomes& operator=(SharedOutcomes const&) = delete;

  std::atomic<int>& operator[](std::size_t at) { return outcomes_[at]; }
  /// How many came to this.
  std::size_t count(int outcome) const {
    return static_cast<std::size_t>(std::count(outcomes_, outcomes_ + count_, outcome));
  }

 private:
  static std::atomic<int>* map(std::size_t bytes) {
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw_errno("map", "memory");
    return static_cast<std::atomic<int>*>(at);
  }

  std::size_t count_;
  std::atomic<int>* outcomes_;
};

}  // namespace templatefs::test
