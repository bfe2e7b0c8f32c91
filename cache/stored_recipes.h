// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/file_identity.h"
#include "base/guarded.h"
#include "cache/recipe.h"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::cache {

/// The stored recipes as they are now, whoever stored, replaced or forgot them: each call looks at the store
/// and reads only what changed. Thread-safe; the mutex is not held while it reads.
class StoredRecipes {
 public:
  /// Borrows the store's directory.
  explicit StoredRecipes(int store_dir) : store_dir_(store_dir) {}

  /// Null where nothing is stored under this name. The pointer lives as long as this object; a recipe that
  /// was stored anew is another one. Throws Error(EIO) for a damaged file.
  Recipe const* find(std::string_view name);
  /// By name. Damaged ones are left out, with a warning the first time.
  std::vector<Recipe const*> all();

 private:
  struct Known {
    FileIdentity file;
    Recipe const* recipe = nullptr;
    std::optional<Error> damage;
  };
  struct State {
    std::deque<Recipe> recipes;  // every one that was ever seen
    std::map<std::string, Known, std::less<>> known;
  };

  int store_dir_;
  Guarded<State> state_;
};

}  // namespace templatefs::cache
