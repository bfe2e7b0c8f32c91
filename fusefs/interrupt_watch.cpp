// SPDX-License-Identifier: Apache-2.0
#include "fusefs/interrupt_watch.h"

#include "base/error.h"
#include "base/files.h"
#include "base/surroundings.h"
#include "base/thread_name.h"

#include <chrono>
#include <sstream>
#include <string>

#include <fcntl.h>

namespace templatefs::fusefs {

namespace {

/// Short against the 0.4 s within which an interrupted opener is to be gone.
constexpr auto kInterval = std::chrono::milliseconds(50);

}  // namespace

bool has_signal_pending(pid_t thread) {
  // 0: a process of a pid namespace that is not below ours.
  if (thread == 0) return true;
  // The mount namespace may be a container's and /proc still the host's.
  static bool const proc_is_ours = proc_shows_our_processes();
  if (!proc_is_ours) return true;
  try {
    std::istringstream status(read_file(AT_FDCWD, "/proc/" + std::to_string(thread) + "/status"));
    std::uint64_t pending = 0;
    std::uint64_t blocked = 0;
    std::uint64_t set = 0;
    for (std::string word; status >> word;) {
      if ((word == "SigPnd:" || word == "ShdPnd:") && status >> std::hex >> set) pending |= set;
      if (word == "SigBlk:" && status >> std::hex >> set) blocked = set;
    }
    return (pending & ~blocked) != 0;
  } catch (Error const&) {
    return true;
  }
}

void InterruptWatch::add(std::uint64_t id, pid_t thread) {
  std::lock_guard const lock(mutex_);
  if (stopping_) return;
  watched_.push_back({id, thread});
  if (!thread_.joinable())
    thread_ = std::thread([this] {
      name_this_thread("interrupts");
      run();
    });
  changed_.notify_one();
}

void InterruptWatch::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void InterruptWatch::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !watched_.empty(); });
    changed_.wait_for(lock, kInterval, [&] { return stopping_; });
    if (stopping_) return;
    auto now = std::move(watched_);
    watched_.clear();
    lock.unlock();
    std::erase_if(now, [&](Watched const& each) { return !look_(each.id, has_signal_pending(each.thread)); });
    lock.lock();
    watched_.insert(watched_.end(), now.begin(), now.end());
  }
}

}  // namespace templatefs::fusefs
