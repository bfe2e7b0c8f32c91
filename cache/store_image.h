// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/session.h"
#include "cache/store.h"
#include "cache/stored_recipe.h"

#include <string>
#include <vector>

namespace templatefs::cache {

/// A disk image that is to become a stored recipe.
struct NewImage {
  std::string name;            // of the recipe
  std::string content_sha256;  // the same content is stored once; empty: it is taken for unlike any other
  std::string kind;            // "import", "bake"
  std::string origin;          // for people: a file's path
  std::string lineage = "{}";  // a JSON object: what else is known of where it is from
  bool replace = false;        // whether another image may lose the name to it
};

/// Throws Error where an image cannot be stored under this name, before anything costly is done for it:
/// EINVAL for no recipe's name, EEXIST where it is built in, configured, or taken and not to be replaced.
void require_free_name(Store const& store, RecipeBook const& book, std::string const& name, bool replace);

/// Publishes `entry`, a directory in the session's staging directory that holds template.img, and gives it
/// its name. The image is padded to whole blocks of 4096. A template of the same content that is there wins.
/// On failure nothing was stored. Throws Error: EEXIST as above, EINVAL for an empty image, ETIMEDOUT where
/// somebody keeps the template locked, ENOSPC.
StoredRecipe store_image(Store const& store, Session const& session, std::string const& entry,
                         NewImage const& image);

/// What became of the template of a name that was forgotten.
struct Forgotten {
  enum class Template { unknown, removed, named, in_use } fate = Template::unknown;
  std::string key;                       // empty where the file was damaged
  std::vector<std::string> other_names;  // that keep it
};

/// Removes a name, and its template where no other name keeps it and nobody uses it; else it is left to the
/// next clean. Throws Error(ENOENT) where nothing is stored under the name.
Forgotten forget_recipe(Store const& store, Session const& session, std::string const& name);

/// Removes a template unless a stored recipe names it: the names that keep it. The caller holds the key's
/// exclusive lock. Throws Error.
std::vector<std::string> remove_unless_named(Store const& store, int scratch_dir, std::string const& key);

}  // namespace templatefs::cache
