// SPDX-License-Identifier: Apache-2.0
#include "fusefs/lead.h"

#include <poll.h>

namespace templatefs::fusefs {

namespace {

thread_local Lead* lead_of_this_thread = nullptr;

}  // namespace

bool Lead::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !taken_ || ended_; });
  if (ended_) return false;
  taken_ = true;
  lead_of_this_thread = this;
  return true;
}

bool Lead::held() const noexcept {
  return lead_of_this_thread == this;
}

void Lead::pass() noexcept {
  if (!held()) return;
  lead_of_this_thread = nullptr;
  {
    std::lock_guard const lock(mutex_);
    taken_ = false;
  }
  changed_.notify_one();
}

bool Lead::is_wanted() const noexcept {
  pollfd device{device_, POLLIN, 0};
  return ::poll(&device, 1, 0) != 0;
}

void Lead::end() noexcept {
  {
    std::lock_guard const lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

void let_others_serve() noexcept {
  if (lead_of_this_thread != nullptr) lead_of_this_thread->pass();
}

bool let_crowd_serve() noexcept {
  if (!has_lead() || !lead_of_this_thread->is_wanted()) return false;
  lead_of_this_thread->pass();
  return true;
}

bool has_lead() noexcept {
  return lead_of_this_thread != nullptr;
}

}  // namespace templatefs::fusefs
