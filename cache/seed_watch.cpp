// SPDX-License-Identifier: Apache-2.0
#include "cache/seed_watch.h"

#include <utility>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;

constexpr int kShare = 20;
constexpr std::int64_t kPatience = std::chrono::nanoseconds(2ms).count();

std::int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

SeedWatch::SeedWatch(vm::Seed seed) : seed_(std::move(seed)), digest_(look()) {}

std::string SeedWatch::look() {
  auto const start = now_ns();
  auto digest = vm::seed_digest(seed_);
  auto const end = now_ns();
  cost_ns_ = end - start;
  next_ns_ = end + (end - start) * kShare;
  return digest;
}

bool SeedWatch::wants_patience() const noexcept {
  return cost_ns_ > kPatience && now_ns() >= next_ns_;
}

bool SeedWatch::changed() noexcept {
  auto due = next_ns_.load();
  auto const now = now_ns();
  // One looker at a time: whoever moves the time on.
  if (now < due || !next_ns_.compare_exchange_strong(due, now + cost_ns_ * kShare)) return false;
  try {
    return look() != digest_;
  } catch (...) {
    return true;
  }
}

}  // namespace templatefs::cache
