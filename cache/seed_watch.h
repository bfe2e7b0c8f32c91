// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/seed.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace templatefs::cache {

/// Notices what changes deep in a seed's directory, which no stat of its top shows. A look is a walk of the
/// whole tree, so looks are as rare as they are costly: they take a twentieth of the time at most.
/// Thread-safe; while one thread looks the others take the last answer.
class SeedWatch {
 public:
  /// Walks the tree; what changes from now on is a change. Throws what vm::seed_digest throws.
  explicit SeedWatch(vm::Seed seed);

  /// Whether the next look is due and takes long enough to keep a FUSE worker from its work.
  bool wants_patience() const noexcept;
  /// Looks, if that is due. A seed that cannot be read any more has changed.
  bool changed() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  std::string look();

  vm::Seed const seed_;
  std::atomic<std::int64_t> cost_ns_{0};
  std::atomic<std::int64_t> next_ns_{0};  // of Clock
  std::string const digest_;              // last: looked at with the rest in place
};

}  // namespace templatefs::cache
