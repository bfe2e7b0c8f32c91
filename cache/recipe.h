// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/capacity.h"
#include "base/error.h"
#include "vm/builder.h"
#include "vm/filesystem.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::cache {

class StoredRecipes;

/// A disk image that the store keeps under a recipe's name (stored_recipe.h).
struct StoredImage {
  std::string key;  // of its template
  std::int64_t bytes;

  bool operator==(StoredImage const&) const = default;
};

/// What a first path component names: a filesystem and how to format it, or an image that is there already.
struct Recipe {
  std::string name;
  vm::Filesystem const* filesystem;
  std::vector<std::string> arguments;  // the formatter's, after the built-in ones
  std::string kernel = {};             // the guest's, a path; empty: the builder's choice
  std::optional<vm::Seed> seed = {};   // what each of its templates is filled from
  std::string label = {};              // the filesystem's; empty: none
  std::string uuid = {};               // the filesystem's, in lower case (a serial: upper); empty: random
  bool own_uuids = false;              // each image gets one of its own instead of its template's
  std::string origin = "built in";     // for people: where it was defined, "config.toml:3"
  std::optional<StoredImage> stored =
      {};  // then nothing is built, and of the rest only the filesystem counts

  bool operator==(Recipe const&) const = default;
};

/// 1 to 64 of A-Z a-z 0-9 . _ + -, a letter or digit first: safe as a file name and in a key.
bool is_recipe_name(std::string_view name) noexcept;

/// The recipes that exist. The built-in and configured ones never change; those of a store may come and go.
class RecipeBook {
 public:
  /// The built-in ones, each filesystem under its own name, the configured ones, and a store's where there is
  /// one. Throws Error(EINVAL) where a configured one has a name that is not free.
  explicit RecipeBook(std::vector<Recipe> configured = {}, std::shared_ptr<StoredRecipes> stored = nullptr);

  /// In listing order: built in, configured, stored. A stored one whose name is configured is hidden by it.
  std::vector<Recipe const*> all() const;
  /// Null for an unknown name. The pointer lives as long as the book. Throws Error for a stored recipe that
  /// cannot be read.
  Recipe const* find(std::string_view name) const;
  /// The same without the stored ones.
  Recipe const* find_fixed(std::string_view name) const noexcept;

 private:
  std::vector<Recipe> recipes_;
  std::shared_ptr<StoredRecipes> stored_;
};

/// In the place of a capacity: the size of a stored image.
inline constexpr std::string_view kNative = "native";

/// One template asked for.
struct TemplateRequest {
  Recipe const* recipe;
  std::optional<Capacity> capacity;  // empty: native, as large as the stored image is

  /// Of the images.
  std::int64_t bytes() const { return capacity ? capacity->bytes() : recipe->stored->bytes; }
  /// Of the template, which is smaller where images of a stored one are to grow.
  std::int64_t template_bytes() const { return recipe->stored ? recipe->stored->bytes : bytes(); }
  /// Of a recipe that is built.
  vm::BuildSpec spec() const {
    return {recipe->filesystem, *capacity,     recipe->arguments, recipe->kernel,
            recipe->seed,       recipe->label, recipe->uuid};
  }
  /// "256M" or "native", as in a path.
  std::string size_name() const { return capacity ? capacity->canonical() : std::string(kNative); }
  /// "btrfs/256M", as in a path.
  std::string path() const { return recipe->name + "/" + size_name(); }
  friend bool operator==(TemplateRequest const&, TemplateRequest const&) = default;
};

/// Throws Error(EINVAL) with the reason where the filesystem cannot be made this small or this large, or a
/// stored image does not fit. Knows
/// only the limits of the formatter's defaults: arguments move them both ways (mkfs.btrfs --mixed takes 16M),
/// so a recipe that has some is left to the formatter.
void require_possible(TemplateRequest const& request);

/// The recipe of that name. Throws Error(ENOENT) that lists those there are.
Recipe const& require_recipe(RecipeBook const& book, std::string_view name);

/// "btrfs/256M", "debian-13/native" or "rootfs/auto" to a request. Throws Error(ENOENT) saying which half is
/// wrong and what would be right, and what auto_target throws.
TemplateRequest parse_request(RecipeBook const& book, std::string_view text);

/// What stands for a capacity where the recipe itself knows one that suits it.
inline constexpr char kAuto[] = "auto";
bool has_auto(Recipe const& recipe) noexcept;
/// Error(ENOENT) for a recipe that has none.
Error no_auto(Recipe const& recipe);
/// The directory that a recipe's `auto` leads to: the capacity in which its seed has room to spare, or native
/// for a stored image. Reads a directory's tree, or a compressed tar whole. Throws Error: no_auto, and what
/// seed_size throws.
std::string auto_target(Recipe const& recipe);

}  // namespace templatefs::cache
