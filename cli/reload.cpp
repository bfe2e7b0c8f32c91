// SPDX-License-Identifier: Apache-2.0
#include "cli/reload.h"

#include "base/error.h"
#include "base/log.h"

#include <map>

namespace templatefs::cli {

namespace {

/// Where a recipe was written does not make it another one.
std::map<std::string, cache::Recipe> recipes_of(Config const& config) {
  std::map<std::string, cache::Recipe> all;
  for (auto recipe : config.recipes) {
    recipe.origin.clear();
    all.emplace(recipe.name, std::move(recipe));
  }
  return all;
}

/// The keys that say something else now and take a new mount, "store.path, recipe.mine".
std::string fixed_keys_that_differ(Config const& before, Config const& now) {
  std::string keys;
  auto const compare = [&](bool same, std::string const& key) {
    if (!same) keys += (keys.empty() ? "" : ", ") + key;
  };
  compare(before.store == now.store, "store.path");
  compare(before.store_size == now.store_size, "store.size");
  compare(before.kernel == now.kernel, "guest.kernel");
  compare(before.accelerator == now.accelerator, "guest.accelerator");
  compare(before.builder == now.builder, "guest.builder");
  auto const old_recipes = recipes_of(before);
  auto const new_recipes = recipes_of(now);
  for (auto const& [name, recipe] : old_recipes) {
    auto const at = new_recipes.find(name);
    compare(at != new_recipes.end() && at->second == recipe, "recipe." + name);
  }
  for (auto const& [name, recipe] : new_recipes) compare(old_recipes.contains(name), "recipe." + name);
  return keys;
}

}  // namespace

bool reload(ServeOptions const& options, Config const& started, std::string const& mount_point,
            cache::Store& store, fusefs::Filesystem& fs) noexcept {
  try {
    auto const now = options.config.load();
    (void)now.recipe_book();
    options.start_log(now, mount_point);
    store.set_budget(now.budget);
    fs.set_quota(now.quota);
    auto const fixed = fixed_keys_that_differ(started, now);
    if (fixed.empty())
      spdlog::info("read the configuration again");
    else
      spdlog::warn("read the configuration again; as before until the next mount: {}", fixed);
    return true;
  } catch (...) {
    spdlog::error("the configuration stays as it was: {}", to_error(std::current_exception()).sentence());
    return false;
  }
}

}  // namespace templatefs::cli
