// SPDX-License-Identifier: Apache-2.0
#include "fusefs/nearness.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

constexpr unsigned kFirstLook = 2;
constexpr unsigned kLookEvery = 32;

/// Where a thread is, or was last; -1 where that cannot be told. proc(5): field 39 of stat, the name in the
/// second one may hold anything.
int processor_of(pid_t thread) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/stat", thread, thread);
  Fd const file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[1024];
  auto const length = file ? ::read(file.get(), text, sizeof text - 1) : -1;
  if (length <= 0) return -1;
  text[length] = '\0';
  char const* at = std::strrchr(text, ')');
  constexpr int kFieldsBetween = 39 - 2;
  for (int field = 0; at != nullptr && field < kFieldsBetween; ++field) at = std::strchr(at + 1, ' ');
  return at == nullptr ? -1 : std::atoi(at + 1);
}

}  // namespace

Nearness::Nearness() {
  may_move_ = ::sched_getaffinity(0, sizeof processors_, &processors_) == 0 && CPU_COUNT(&processors_) > 1;
}

void Nearness::about_to_serve(pid_t caller) noexcept {
  if (!may_move_ || caller == 0) return;
  if (caller != caller_) {
    caller_ = caller;
    in_a_row_ = 0;
  }
  ++in_a_row_;
  if (in_a_row_ != kFirstLook && in_a_row_ % kLookEvery != 0) return;
  int const there = processor_of(caller);
  if (there < 0 || !CPU_ISSET(there, &processors_)) return;
  if (there == ::sched_getcpu()) {
    found_apart_ = 0;
    return;
  }
  found_apart_ = std::min(found_apart_ + 1, kTooOften);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(there, &one);
  if (::sched_setaffinity(0, sizeof one, &one) == 0) ::sched_setaffinity(0, sizeof processors_, &processors_);
}

}  // namespace templatefs::fusefs
