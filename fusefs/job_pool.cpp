// SPDX-License-Identifier: Apache-2.0
#include "fusefs/job_pool.h"

#include "base/thread_name.h"

namespace templatefs::fusefs {

void JobPool::submit(std::function<void(std::stop_token const&)> job) {
  std::lock_guard const lock(mutex_);
  queue_.push_back(std::move(job));
  if (queue_.size() > idle_ && threads_.size() < most_threads_ && !stop_.stop_requested())
    threads_.emplace_back([this] { run(); });
  changed_.notify_one();
}

void JobPool::run() {
  name_this_thread("job");
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return !queue_.empty() || stop_.stop_requested(); });
    --idle_;
    if (queue_.empty()) return;
    auto const job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job(stop_.get_token());
    lock.lock();
  }
}

void JobPool::stop() {
  stop_.request_stop();
  std::vector<std::thread> threads;
  {
    std::lock_guard const lock(mutex_);
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (auto& thread : threads) thread.join();
  // Submitted after the last thread left: nobody else will answer for it.
  for (;;) {
    std::function<void(std::stop_token const&)> job;
    {
      std::lock_guard const lock(mutex_);
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job(stop_.get_token());
  }
}

}  // namespace templatefs::fusefs
