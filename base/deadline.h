// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace templatefs {

/// One time budget, made once and passed down. Monotonic; immutable.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(Clock::duration budget) { return Deadline(Clock::now() + budget); }
  static Deadline never() { return Deadline(Clock::time_point::max()); }

  bool passed() const { return at_ != Clock::time_point::max() && Clock::now() >= at_; }
  /// What is left, for poll(2): milliseconds rounded up, 0 once passed, never more than `at_most`.
  int remaining_ms(int at_most = 3'600'000) const {
    if (at_ == Clock::time_point::max()) return at_most;
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, at_most));
  }
  Deadline sooner_of(Deadline other) const { return Deadline(std::min(at_, other.at_)); }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

}  // namespace templatefs
