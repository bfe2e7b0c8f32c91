// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace templatefs::fusefs {

/// Threads for work that waits, started as they are needed. Jobs must not throw. Most of them sleep on a
/// peer's lock or for a build slot, so there are more of them than processors; how many build at once is not
/// decided here.
class JobPool {
 public:
  explicit JobPool(unsigned most_threads) : most_threads_(most_threads) {}
  ~JobPool() { stop(); }
  JobPool(JobPool const&) = delete;
  JobPool& operator=(JobPool const&) = delete;

  void submit(std::function<void(std::stop_token const&)> job);
  /// Requests a stop, runs what is queued (so that it can answer for itself), and joins. Idempotent.
  void stop();

 private:
  void run();

  unsigned const most_threads_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void(std::stop_token const&)>> queue_;
  std::vector<std::thread> threads_;
  unsigned idle_ = 0;
};

}  // namespace templatefs::fusefs
