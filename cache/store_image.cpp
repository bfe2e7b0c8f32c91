// SPDX-License-Identifier: Apache-2.0
#include "cache/store_image.h"

#include "base/deadline.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "base/suggest.h"
#include "cache/layout.h"
#include "cache/manifest.h"
#include "cache/template_store.h"
#include "vm/filesystem.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kBlock = 4096;
constexpr auto kLockLimit = 60s;

Error name_is_taken(std::string const& name, std::string const& by) {
  return Error(EEXIST, format("store an image as {}: {}", name, by),
               format("Choose another --name, give --replace, or `templatefs forget {}`.", name));
}

/// What is known of the image once it lies in the staging directory.
StoredRecipe describe(Fd const& file, NewImage const& image) {
  struct stat st {};
  check(::fstat(file.get(), &st), "stat", layout::kImage);
  if (st.st_size == 0) throw Error(EINVAL, format("store an image as {}: it is empty", image.name));
  std::int64_t const bytes = (st.st_size + kBlock - 1) / kBlock * kBlock;
  check(::ftruncate(file.get(), bytes), "pad", layout::kImage);
  auto const* const row = vm::identify_filesystem(file.get());
  auto const content = image.content_sha256.empty() ? image.lineage + random_hex(16) : image.content_sha256;
  StoredRecipe recipe;
  recipe.name = image.name;
  recipe.key = format("{}-{}m-{}", kStoredKeyPrefix, (bytes + Capacity::kMiB - 1) / Capacity::kMiB,
                      sha256(format("bytes={}\ncontent={}\n", bytes, content)).substr(0, 16));
  recipe.bytes = bytes;
  recipe.filesystem = row == nullptr ? std::string() : std::string(row->name);
  recipe.kind = image.kind;
  recipe.origin = image.origin;
  recipe.made_at_ms = epoch_ms_now();
  recipe.lineage = image.lineage;
  return recipe;
}

/// The manifest and the log, which every template has.
void write_papers(int dir, Fd const& file, StoredRecipe const& recipe, NewImage const& image) {
  // A delayed allocation counts no blocks.
  sync_file(file.get(), layout::kImage);
  struct stat st {};
  check(::fstat(file.get(), &st), "stat", layout::kImage);
  Json lineage = {{"kind", recipe.kind}, {"origin", recipe.origin}};
  lineage.update(Json::parse(recipe.lineage));
  Manifest manifest;
  manifest.key = recipe.key;
  manifest.recipe = recipe.name;
  manifest.filesystem = recipe.filesystem;
  manifest.capacity_bytes = recipe.bytes;
  manifest.allocated_bytes = static_cast<std::int64_t>(st.st_blocks) * 512;
  manifest.content_sha256 = image.content_sha256;
  manifest.built_at_ms = recipe.made_at_ms;
  manifest.report.accelerator = "none";
  manifest.lineage = lineage.dump();
  replace_file(dir, layout::kManifest, manifest.to_json(), 0444, false);
  replace_file(dir, layout::kBuildLog, format("{} of {}\n", recipe.kind, recipe.origin), 0444, false);
}

/// Puts recipes/<name>.json in place. Made in the session's directory, so that a process that dies in between
/// leaves nothing that a sweep does not find.
void write_name(Store const& store, Session const& session, StoredRecipe const& recipe, bool replace) {
  std::string const scratch = "recipe-" + random_hex(8);
  std::string const target = layout::stored_recipe(recipe.name);
  replace_file(session.staging_dir(), scratch, recipe.to_json(), 0600, true);
  ScopeExit undo([&] { ::unlinkat(session.staging_dir(), scratch.c_str(), 0); });
  if (::renameat2(session.staging_dir(), scratch.c_str(), store.dir(), target.c_str(),
                  replace ? 0 : RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) throw name_is_taken(recipe.name, "the name is taken");
    throw_errno("write", target);
  }
  undo.dismiss();
  Fd const recipes = open_at(store.dir(), layout::kRecipes, O_RDONLY | O_DIRECTORY);
  sync_file(recipes.get(), layout::kRecipes);
}

void publish_and_name(Store const& store, Session const& session, std::string const& entry,
                      StoredRecipe const& stored, bool replace) {
  TemplateStore const templates(store.dir());
  Recipe const recipe = stored.to_recipe();
  TemplateRequest const request{&recipe, std::nullopt};
  auto const deadline = Deadline::after(kLockLimit);
  for (;; std::this_thread::sleep_for(5ms)) {
    auto const look = templates.pin(stored.key, request);
    if (look.presence == Presence::ready) {  // the same content: one template, and the pin guards the naming
      write_name(store, session, stored, replace);
      remove_tree(session.staging_dir(), entry);
      return;
    }
    if (auto const lock =
            FileLock::try_lock(store.dir(), layout::key_lock(stored.key), FileLock::Mode::exclusive)) {
      templates.publish(session.staging_dir(), entry, stored.key, request);
      try {
        write_name(store, session, stored, replace);
      } catch (...) {
        (void)remove_unless_named(store, session.staging_dir(), stored.key);
        throw;
      }
      return;
    }
    if (deadline.passed())
      throw Error(ETIMEDOUT, format("store an image as {}: template {} is locked", stored.name, stored.key),
                  "`templatefs ls` shows by whom.");
  }
}

/// The template that a name has now; empty where there is none that could be told.
std::string key_of(Store const& store, std::string const& name) {
  try {
    return read_stored_recipe(store.dir(), name).key;
  } catch (Error const&) {
    return {};
  }
}

Forgotten::Template drop_template(Store const& store, Session const& session, std::string const& key,
                                  std::vector<std::string>& names) {
  auto const lock = FileLock::try_lock(store.dir(), layout::key_lock(key), FileLock::Mode::exclusive);
  if (!lock) return Forgotten::Template::in_use;
  names = remove_unless_named(store, session.staging_dir(), key);
  return names.empty() ? Forgotten::Template::removed : Forgotten::Template::named;
}

}  // namespace

void require_free_name(Store const& store, RecipeBook const& book, std::string const& name, bool replace) {
  if (!is_recipe_name(name))
    throw Error(EINVAL, format("store an image as \"{}\": that is no recipe's name", name),
                "Use up to 64 of A-Z a-z 0-9 . _ + -, a letter or digit first.");
  if (auto const* const fixed = book.find_fixed(name))
    throw Error(EEXIST, format("store an image as {}: a recipe of that name is {}", name, fixed->origin),
                "Choose another --name.");
  if (replace) return;
  Fd const there = open_at_if_exists(store.dir(), layout::stored_recipe(name), O_PATH);
  if (there) throw name_is_taken(name, "the name is taken");
}

StoredRecipe store_image(Store const& store, Session const& session, std::string const& entry,
                         NewImage const& image) {
  try {
    Fd const dir = open_at(session.staging_dir(), entry, O_RDONLY | O_DIRECTORY);
    StoredRecipe recipe;
    {
      Fd const file = open_at(dir.get(), layout::kImage, O_RDWR);
      recipe = describe(file, image);
      write_papers(dir.get(), file, recipe, image);
    }
    auto const before = key_of(store, image.name);
    publish_and_name(store, session, entry, recipe, image.replace);
    std::vector<std::string> names;
    if (!before.empty() && before != recipe.key) (void)drop_template(store, session, before, names);
    return recipe;
  } catch (...) {
    throw store.with_remedy(to_error(std::current_exception()));
  }
}

Forgotten forget_recipe(Store const& store, Session const& session, std::string const& name) {
  Forgotten forgotten;
  forgotten.key = key_of(store, name);
  if (!is_recipe_name(name) || ::unlinkat(store.dir(), layout::stored_recipe(name).c_str(), 0) != 0) {
    if (is_recipe_name(name) && errno != ENOENT) throw_errno("forget", layout::stored_recipe(name));
    auto const meant = suggestion(name, stored_recipe_names(store.dir()));
    throw Error(ENOENT, format("forget \"{}\": no recipe of that name is stored", name),
                meant.empty() ? "`templatefs recipes` lists them." : meant);
  }
  if (!forgotten.key.empty())
    forgotten.fate = drop_template(store, session, forgotten.key, forgotten.other_names);
  return forgotten;
}

std::vector<std::string> remove_unless_named(Store const& store, int scratch_dir, std::string const& key) {
  auto names = names_of_template(store.dir(), key);
  if (names.empty()) TemplateStore(store.dir()).remove(scratch_dir, key);
  return names;
}

}  // namespace templatefs::cache
