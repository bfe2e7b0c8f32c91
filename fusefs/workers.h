// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/lead.h"
#include "fusefs/libfuse.h"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace templatefs::fusefs {

/// The threads that read and process requests. Our own loop instead of fuse_session_loop_mt: before
/// libfuse 3.18 that one cannot be told to stop while a client holds a file open, because nothing wakes its
/// readers.
class Workers {
 public:
  /// `on_end` runs on a worker when the connection has ended by itself (an unmount). Must not throw.
  Workers(fuse_session* session, std::function<void()> on_end);
  ~Workers() { stop(); }
  Workers(Workers const&) = delete;
  Workers& operator=(Workers const&) = delete;

  /// One thread first: until INIT is answered, the others would read with buffers of the wrong size.
  void start_first();
  void start_rest(unsigned count);
  /// Wakes every thread out of its read and joins it. Requests in progress are finished first.
  void stop();

 private:
  struct Worker {
    std::thread thread;
    std::atomic<bool> ended = false;
  };
  void start_one();
  void run(Worker& self);
  void linger() const noexcept;

  fuse_session* session_;  // borrowed
  std::function<void()> on_end_;
  std::atomic<bool> stopping_ = false;
  Lead lead_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace templatefs::fusefs
