// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/recipe.h"

#include <cstdint>
#include <string>
#include <vector>

namespace templatefs::cache {

/// A recipe that lives in the store: a disk image under a name, imported or baked, which no build could make
/// again. recipes/<name>.json says which template holds it.
///
/// Who writes such a file holds the template's lock, shared or exclusive, from before the template is looked
/// at until the file is in place; who removes a template holds it exclusively and looks for names first.
struct StoredRecipe {
  std::string name;
  std::string key;         // of the template: "image-<MiB, rounded up>m-<16 hex>"
  std::int64_t bytes = 0;  // exact, whole blocks of 4096
  std::string filesystem;  // a row's name; empty where none was recognised
  std::string kind;        // "import", "bake"
  std::string origin;      // for people: where the image is from
  std::int64_t made_at_ms = 0;
  std::string lineage = "{}";  // a JSON object

  std::string to_json() const;
  /// Throws Error(EBADMSG) saying what is wrong with the text.
  static StoredRecipe from_json(std::string const& text);

  /// As the recipe that a mount or a command uses.
  Recipe to_recipe() const;
};

/// Throws Error: ENOENT where nothing is stored under this name, EIO with the remedy where the file is
/// damaged.
StoredRecipe read_stored_recipe(int store_dir, std::string const& name);

/// All names, sorted. Damaged ones are among them.
std::vector<std::string> stored_recipe_names(int store_dir);

/// The names that a template has. A damaged file might name any, so its name is among them: what cannot be
/// made again is not removed on a guess.
std::vector<std::string> names_of_template(int store_dir, std::string const& key);

/// The first part of the keys of such templates; no recipe may be called so.
inline constexpr std::string_view kStoredKeyPrefix = "image";

}  // namespace templatefs::cache
