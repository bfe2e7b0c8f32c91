// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/extent_usage.h"
#include "cache/removal.h"
#include "cache/store.h"

#include <cstdint>
#include <map>
#include <string>

namespace templatefs::cache {

/// What the templates and the saved guests of a store take, and what is free, as collecting goes on. For one
/// thread.
class Stock {
 public:
  /// Measures. Throws Error.
  Stock(Store const& store, Rehearsal rehearsal);

  /// Bytes of all, with what templates share counted once.
  std::int64_t size() const;
  /// Of these, those of saved guests.
  std::int64_t guests() const;
  std::int64_t free() const noexcept { return free_; }
  /// Of a template by its key, or of a guest by its name.
  Usage usage_of(std::string const& name) const;

  /// It was removed, or would be: how much that frees. Measures anew unless it is a rehearsal.
  std::int64_t remove(std::string const& name);

  /// What is free on a store's filesystem, bytes. Throws Error.
  static std::int64_t free_in(Store const& store);

 private:
  void read();

  Store const& store_;
  Rehearsal rehearsal_;
  std::int64_t free_;
  std::map<std::string, Footprint> templates_;
  std::map<std::string, std::int64_t> guests_;
};

}  // namespace templatefs::cache
