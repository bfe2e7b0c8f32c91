// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace templatefs::cache {

/// Failed builds, remembered in the store for a short, growing time: so that everybody who was waiting, in
/// any process, gets the one failure instead of starting the build again one after another. The inputs are in
/// the key: changing them forgets the failure by itself.
class FailureMemory {
 public:
  explicit FailureMemory(int store_dir) : store_dir_(store_dir) {}

  /// The failure that a request made at `asked_at_ms` must be answered with: one that happened after it was
  /// made, or one whose time is not over yet. `ignore_pause` drops the second kind: somebody asked expressly.
  std::optional<Error> recall(std::string const& key, std::int64_t asked_at_ms, bool ignore_pause) const;
  /// Remembers a failure: 0.5 s the first time, twice as long each next time, at most 30 s. A full store and
  /// missing packages are remembered for those who waited only. The caller holds the key's exclusive lock.
  void record(std::string const& key, Error const& failure) noexcept;
  void forget(std::string const& key) noexcept;

 private:
  int store_dir_;  // borrowed
};

}  // namespace templatefs::cache
