// SPDX-License-Identifier: Apache-2.0
#include "cache/stored_recipes.h"

#include "base/fd.h"
#include "base/log.h"
#include "cache/layout.h"
#include "cache/stored_recipe.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {

Recipe const* StoredRecipes::find(std::string_view text) {
  // Most names that are looked up in a mount's root and are no recipe's cannot be one's either.
  if (!is_recipe_name(text)) return nullptr;
  std::string const name(text);
  Fd const file = open_at_if_exists(store_dir_, layout::stored_recipe(name), O_RDONLY);
  if (!file) return nullptr;
  struct stat st {};
  check(::fstat(file.get(), &st), "stat", layout::stored_recipe(name));
  // Replaced between this look and the reading below: then what is read is remembered under an identity that
  // is gone, and read once more.
  auto const identity = FileIdentity::of(st);
  auto const seen = state_.with([&](State const& state) -> std::optional<Known> {
    auto const at = state.known.find(name);
    return at != state.known.end() && at->second.file == identity ? std::optional(at->second) : std::nullopt;
  });
  if (seen && seen->damage) throw *seen->damage;
  if (seen) return seen->recipe;

  try {
    auto recipe = read_stored_recipe(store_dir_, name).to_recipe();
    return state_.with([&](State& state) {
      auto& known = state.known[name];
      // Another thread may have read it meanwhile: one object for one file.
      if (known.file != identity || known.recipe == nullptr)
        known = {identity, &state.recipes.emplace_back(std::move(recipe)), std::nullopt};
      return known.recipe;
    });
  } catch (Error const& error) {
    if (error.err() == ENOENT) return nullptr;
    spdlog::warn("{}", error.sentence());
    state_.with([&](State& state) { state.known[name] = {identity, nullptr, error}; });
    throw;
  }
}

std::vector<Recipe const*> StoredRecipes::all() {
  std::vector<Recipe const*> recipes;
  for (auto const& name : stored_recipe_names(store_dir_)) {
    try {
      if (auto const* const recipe = find(name)) recipes.push_back(recipe);
    } catch (Error const& error) {
      spdlog::debug("{}", error.sentence());
    }
  }
  return recipes;
}

}  // namespace templatefs::cache
