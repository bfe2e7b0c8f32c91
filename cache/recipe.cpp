// SPDX-License-Identifier: Apache-2.0
#include "cache/recipe.h"

#include "base/log.h"
#include "base/suggest.h"
#include "cache/stored_recipe.h"
#include "cache/stored_recipes.h"

#include <algorithm>
#include <cerrno>

namespace templatefs::cache {

bool is_recipe_name(std::string_view name) noexcept {
  auto const is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 64 && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_alphanumeric(c) || std::string_view("._+-").find(c) != std::string_view::npos;
         });
}

RecipeBook::RecipeBook(std::vector<Recipe> configured, std::shared_ptr<StoredRecipes> stored)
    : stored_(std::move(stored)) {
  for (auto const& filesystem : vm::filesystems())
    recipes_.push_back({std::string(filesystem.name), &filesystem, {}});
  for (auto& recipe : configured) {
    if (find_fixed(recipe.name) != nullptr || recipe.name == kStoredKeyPrefix)
      throw Error(EINVAL,
                  format("{}: the recipe {} is {}", recipe.origin, recipe.name,
                         recipe.name == kStoredKeyPrefix ? "reserved" : "built in"),
                  format("Give yours a name of its own, such as {}-mine.", recipe.name));
    recipes_.push_back(std::move(recipe));
  }
}

std::vector<Recipe const*> RecipeBook::all() const {
  std::vector<Recipe const*> all;
  for (auto const& recipe : recipes_) all.push_back(&recipe);
  if (!stored_) return all;
  for (auto const* const recipe : stored_->all())
    if (find_fixed(recipe->name) == nullptr) all.push_back(recipe);
  return all;
}

Recipe const* RecipeBook::find(std::string_view name) const {
  auto const* const fixed = find_fixed(name);
  return fixed == nullptr && stored_ ? stored_->find(name) : fixed;
}

Recipe const* RecipeBook::find_fixed(std::string_view name) const noexcept {
  for (auto const& recipe : recipes_)
    if (recipe.name == name) return &recipe;
  return nullptr;
}

namespace {

void require_room_for_stored(TemplateRequest const& request) {
  auto const bytes = request.recipe->stored->bytes;
  if (request.bytes() >= bytes) return;
  auto const enough = Capacity::of_mib((bytes + Capacity::kMiB - 1) / Capacity::kMiB).canonical();
  throw Error(EINVAL,
              format("{} does not fit in {}: the image has {} bytes, and is not shrunk", request.recipe->name,
                     request.size_name(), bytes),
              format("Use {0}/{1}, or {0}/{2} and larger.", request.recipe->name, kNative, enough));
}

}  // namespace

void require_possible(TemplateRequest const& request) {
  if (request.recipe->stored) return require_room_for_stored(request);
  auto const& filesystem = *request.recipe->filesystem;
  auto const bytes = request.bytes();
  bool const too_small = bytes < filesystem.minimum_bytes;
  if ((!too_small && bytes <= filesystem.maximum_bytes) || !request.recipe->arguments.empty()) return;
  auto const limit =
      Capacity::of_mib((too_small ? filesystem.minimum_bytes : filesystem.maximum_bytes) / Capacity::kMiB);
  throw Error(
      EINVAL,
      format("{} cannot be made in {}: {} {} {}", request.recipe->name, request.size_name(),
             filesystem.formatter, too_small ? "needs at least" : "fills at most", limit.canonical()),
      format("Use {}/{} or {}.", request.recipe->name, limit.canonical(), too_small ? "larger" : "smaller"));
}

Recipe const& require_recipe(RecipeBook const& book, std::string_view name) {
  if (auto const* const recipe = book.find(name)) return *recipe;
  std::string list;
  std::vector<std::string> known;
  for (auto const* const each : book.all()) {
    list += (list.empty() ? "" : ", ") + each->name;
    known.push_back(each->name);
  }
  auto const meant = suggestion(name, known);
  throw Error(ENOENT, format("no recipe is called \"{}\"", name),
              format("{}{}There are: {}.", meant, meant.empty() ? "" : " ", list));
}

TemplateRequest parse_request(RecipeBook const& book, std::string_view text) {
  auto const slash = text.find('/');
  auto const& recipe = require_recipe(book, text.substr(0, slash));
  std::string size(slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1));
  if (size == kAuto) size = auto_target(recipe);
  if (recipe.stored && size == kNative) return {&recipe, std::nullopt};
  auto const capacity = Capacity::parse(size);
  if (!capacity)
    throw Error(
        ENOENT,
        size.empty() ? format("\"{}\" names no capacity", text) : format("\"{}\" is no capacity", size),
        "Write whole MiB, GiB or TiB: 256M, 1G, 2T (as in btrfs/256M).");
  return {&recipe, *capacity};
}

bool has_auto(Recipe const& recipe) noexcept {
  return recipe.seed || recipe.stored;
}

Error no_auto(Recipe const& recipe) {
  return Error(ENOENT,
               format("{} has no auto: only what a recipe is filled from tells how large to be", recipe.name),
               "Name a capacity, or use a recipe with a seed or an image.");
}

std::string auto_target(Recipe const& recipe) {
  if (!has_auto(recipe)) throw no_auto(recipe);
  if (recipe.stored) return std::string(kNative);
  return vm::comfortable_capacity(*recipe.seed).canonical();
}

}  // namespace templatefs::cache
