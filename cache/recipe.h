// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/capacity.h"
#include "vm/builder.h"
#include "vm/filesystem.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::cache {

/// What a first path component names: a filesystem and how to format it.
struct Recipe {
  std::string name;
  vm::Filesystem const* filesystem;
  std::vector<std::string> arguments;  // the formatter's, after the built-in ones
  std::string kernel = {};             // the guest's, a path; empty: the builder's choice
  std::optional<vm::Seed> seed = {};   // what each of its templates is filled from
  std::string origin = "built in";     // for people: where it was defined, "config.toml:3"
};

/// 1 to 64 of A-Z a-z 0-9 . _ + -, a letter or digit first: safe as a file name and in a key.
bool is_recipe_name(std::string_view name) noexcept;

/// The recipes that exist, in listing order. Immutable after start.
class RecipeBook {
 public:
  /// The built-in ones, each filesystem under its own name, and the configured ones. Throws Error(EINVAL)
  /// where one of these has a built-in's name.
  explicit RecipeBook(std::vector<Recipe> configured = {});

  std::span<Recipe const> all() const noexcept { return recipes_; }
  /// Null for an unknown name. The pointer lives as long as the book.
  Recipe const* find(std::string_view name) const noexcept;

 private:
  std::vector<Recipe> recipes_;
};

/// One template asked for.
struct TemplateRequest {
  Recipe const* recipe;
  Capacity capacity;

  vm::BuildSpec spec() const {
    return {recipe->filesystem, capacity, recipe->arguments, recipe->kernel, recipe->seed};
  }
  /// "btrfs/256M", as in a path.
  std::string path() const { return recipe->name + "/" + capacity.canonical(); }
  friend bool operator==(TemplateRequest const&, TemplateRequest const&) = default;
};

/// Throws Error(EINVAL) with the reason where the filesystem cannot be made this small or this large. Knows
/// only the limits of the formatter's defaults: arguments move them both ways (mkfs.btrfs --mixed takes 16M),
/// so a recipe that has some is left to the formatter.
void require_possible(TemplateRequest const& request);

/// "btrfs/256M" to a request. Throws Error(ENOENT) saying which half is wrong and what would be right.
TemplateRequest parse_request(RecipeBook const& book, std::string_view text);

}  // namespace templatefs::cache
