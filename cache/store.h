// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "base/guarded.h"
#include "cache/budget.h"
#include "cache/fan_out.h"
#include "cache/loop_store.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace templatefs::cache {

/// An open store: one directory that any number of mounts and commands share, coordinated by flock alone.
class Store {
 public:
  struct Options {
    std::string path;                        // from store_location()
    std::optional<std::int64_t> loop_bytes;  // for a store of our own, should one have to be made
    FanOutChoice fan_out = FanOutChoice::automatic;
    Budget budget = {};  // that builds and mounts hold the store to
  };

  /// Opens the store, making what is missing: its directories and, where the location cannot reflink and we
  /// are root, a filesystem of its own. Says in the log which rung was chosen and why. Throws Error: EINVAL
  /// for a foreign directory (not empty, no FORMAT), EPROTO for another format version, EOPNOTSUPP where
  /// reflink was insisted on and cannot be had.
  static Store open(Options const& options);
  /// The same without making anything: empty where there is no store yet.
  static std::optional<Store> open_existing(Options const& options);

  int dir() const noexcept { return dir_.get(); }
  std::string const& path() const noexcept { return path_; }
  Rung rung() const noexcept { return rung_; }
  FanOutChoice fan_out_choice() const noexcept { return choice_; }
  /// A copy: it may change meanwhile.
  Budget budget() const {
    return budget_->with([](Budget const& budget) { return budget; });
  }
  /// From now on; thread-safe, as budget() is.
  void set_budget(Budget budget) {
    budget_->with([&](Budget& now) { now = std::move(budget); });
  }
  bool has_own_filesystem() const noexcept { return loop_.has_value(); }
  /// A filesystem of its own is not unmounted when this one goes.
  void stay_mounted() noexcept {
    if (loop_) loop_->stay();
  }
  /// Why the rung is what it is, one sentence.
  std::string const& explanation() const noexcept { return explanation_; }

  /// The same failure; if the store is full and nothing was advised yet, with what to do about it.
  Error with_remedy(Error const& error) const;

  Store(Store&&) noexcept = default;
  Store& operator=(Store&&) = delete;

 private:
  explicit Store(std::string path) : path_(std::move(path)) {}
  void settle(Options const& options);

  std::string path_;
  std::optional<LoopStore> loop_;  // before dir_: unmounted after the last descriptor on it is closed
  Fd dir_;
  Rung rung_ = Rung::copy;
  FanOutChoice choice_ = FanOutChoice::automatic;
  std::unique_ptr<Guarded<Budget>> budget_ = std::make_unique<Guarded<Budget>>();
  std::string explanation_;
};

}  // namespace templatefs::cache
