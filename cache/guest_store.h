// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/budget.h"
#include "vm/guest_shelf.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace templatefs::cache {

/// Saved guests in a store: `guests/<name>/`, and `guests/<name>.bad` for one that is not to be used. They
/// are bounded in number, part of the store's budget, and kept out of a store that has little room. A reader
/// holds files, not a lock, so that one that is in use may be removed. Nothing is synced: a name holds until
/// the host boots again, so that no power cut leaves a torn one to be found. Stateless over the directory;
/// safe from any thread and process.
class GuestStore : public vm::GuestShelf {
 public:
  static constexpr unsigned kMost = 12;                         // at some 100 MB
  static constexpr std::int64_t kFree = std::int64_t{2} << 30;  // bytes, for one to be saved
  /// Where the store's budget is less, none is saved: it would be a good part of it.
  static constexpr std::int64_t kLeastBudget = std::int64_t{1} << 30;

  /// `budget` tells the max_size of the moment.
  explicit GuestStore(int store_dir, std::function<Budget()> budget = {})
      : store_dir_(store_dir), budget_(std::move(budget)) {}

  Fd find(std::string const& name) override;
  std::optional<FileLock> claim(std::string const& name) override;
  /// Then those that were not used for longest go, beyond kMost.
  void publish(std::string const& name, std::string const& staged) override;
  void give_up(std::string const& name, std::string const& why) noexcept override;

  struct Saved {
    std::string name;
    std::int64_t bytes;
    std::int64_t used_at_ms;  // since the epoch
  };
  /// Without those that we may not look into.
  std::vector<Saved> list() const;
  /// As above; -1 where it is gone.
  std::int64_t last_use_ms(std::string const& name) const;
  /// Through `staging_dir`. False where it is gone already. Throws Error.
  bool remove(int staging_dir, std::string const& name) const;
  /// All of them. Returns how many there were. Throws Error.
  unsigned remove_all(int staging_dir) const;

 private:
  bool is_given_up(std::string const& name) const;

  int store_dir_;  // borrowed
  std::function<Budget()> budget_;
};

}  // namespace templatefs::cache
