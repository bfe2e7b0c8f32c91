// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

namespace templatefs::fusefs {

struct Filesystem;

/// Measures what images take, for the quota: too slow for every open, so that is done in between.
class ImageUsage {
 public:
  /// To be called every few seconds, by one thread. Where the quota limits bytes, has all images measured on
  /// the job pool, with pauses that leave it a small part of the time.
  void measure_if_due(Filesystem& fs);

 private:
  using Clock = std::chrono::steady_clock;
  std::atomic<bool> running_ = false;
  std::atomic<Clock::time_point> due_ = Clock::time_point();
};

}  // namespace templatefs::fusefs
