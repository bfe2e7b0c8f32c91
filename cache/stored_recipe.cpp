// SPDX-License-Identifier: Apache-2.0
#include "cache/stored_recipe.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/key.h"
#include "cache/layout.h"
#include "vm/filesystem.h"

#include <algorithm>
#include <cerrno>

#include <nlohmann/json.hpp>

namespace templatefs::cache {

namespace {

using Json = nlohmann::ordered_json;

constexpr char kSchema[] = "templatefs.recipe/1";
constexpr std::string_view kSuffix = ".json";

}  // namespace

std::string StoredRecipe::to_json() const {
  Json const document = {
      {"schema", kSchema},        {"name", name},
      {"template", key},          {"bytes", bytes},
      {"filesystem", filesystem}, {"kind", kind},
      {"origin", origin},         {"made_at", rfc3339(made_at_ms)},
      {"made_at_ms", made_at_ms}, {"lineage", Json::parse(lineage)},
  };
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StoredRecipe StoredRecipe::from_json(std::string const& text) {
  StoredRecipe recipe;
  try {
    Json const document = Json::parse(text);
    if (document.at("schema") != kSchema)
      throw Error(EBADMSG, "read a stored recipe: its schema is " + document.at("schema").dump());
    document.at("name").get_to(recipe.name);
    document.at("template").get_to(recipe.key);
    document.at("bytes").get_to(recipe.bytes);
    document.at("filesystem").get_to(recipe.filesystem);
    document.at("kind").get_to(recipe.kind);
    document.at("origin").get_to(recipe.origin);
    document.at("made_at_ms").get_to(recipe.made_at_ms);
    recipe.lineage = document.at("lineage").dump();
  } catch (Json::exception const& error) {
    throw Error(EBADMSG, std::string("read a stored recipe: ") + error.what());
  }
  // The key becomes part of a path.
  auto const key = parse_key_name(recipe.key);
  if (!is_recipe_name(recipe.name) || !key || key->recipe != kStoredKeyPrefix || recipe.bytes <= 0)
    throw Error(EBADMSG, format("read a stored recipe: it names template \"{}\" of {} bytes", recipe.key,
                                recipe.bytes));
  return recipe;
}

Recipe StoredRecipe::to_recipe() const {
  auto const* const row = vm::find_filesystem(filesystem);
  // Without a superblock that is known it is bytes and nothing else, which is what raw stands for.
  Recipe recipe{name, row != nullptr ? row : vm::find_filesystem("raw"), {}};
  recipe.origin = format("{} from {}", kind == "bake" ? "baked" : "imported", origin);
  recipe.stored = StoredImage{key, bytes};
  return recipe;
}

StoredRecipe read_stored_recipe(int store_dir, std::string const& name) {
  try {
    auto recipe = StoredRecipe::from_json(read_file(store_dir, layout::stored_recipe(name), 1 << 20));
    if (recipe.name == name) return recipe;
    throw Error(EBADMSG, format("read a stored recipe: it is called {} inside", recipe.name));
  } catch (Error const& error) {
    if (error.err() == ENOENT) throw Error(ENOENT, format("no recipe {} is stored", name));
    if (error.err() != EBADMSG) throw;
    throw Error(EIO,
                format("use the stored recipe {}: {} is damaged: {}", name, layout::stored_recipe(name),
                       error.text()),
                format("Store it again with --replace, or remove it with `templatefs forget {}`.", name));
  }
}

std::vector<std::string> stored_recipe_names(int store_dir) {
  std::vector<std::string> names;
  for_each_entry(store_dir, layout::kRecipes, [&](std::string const& file) {
    if (!file.ends_with(kSuffix)) return;
    auto name = file.substr(0, file.size() - kSuffix.size());
    if (is_recipe_name(name)) names.push_back(std::move(name));
  });
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> names_of_template(int store_dir, std::string const& key) {
  std::vector<std::string> names;
  for (auto const& name : stored_recipe_names(store_dir)) {
    try {
      if (read_stored_recipe(store_dir, name).key == key) names.push_back(name);
    } catch (Error const& error) {
      if (error.err() == ENOENT) continue;  // forgotten in this instant
      spdlog::warn("{}", error.sentence());
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace templatefs::cache
