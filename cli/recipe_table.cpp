// SPDX-License-Identifier: Apache-2.0
#include "cli/recipe_table.h"

#include "base/log.h"
#include "cli/suggest.h"
#include "vm/filesystem.h"

#include <filesystem>

namespace templatefs::cli {

namespace {

vm::Filesystem const& read_filesystem(TomlTable& table) {
  auto const name = table.text("filesystem");
  std::vector<std::string> known;
  for (auto const& each : vm::filesystems()) known.emplace_back(each.name);
  std::string list;
  for (auto const& each : known) list += (list.empty() ? "There are: " : ", ") + each;
  if (!name) throw table.error_at("filesystem", "a recipe needs a filesystem", list + ".");
  auto const* const filesystem = vm::find_filesystem(*name);
  if (filesystem != nullptr) return *filesystem;
  auto remedy = suggestion(*name, known);
  throw table.error_at("filesystem", format("there is no filesystem \"{}\"", *name),
                       remedy.empty() ? list + "." : remedy);
}

}  // namespace

cache::Recipe read_recipe(std::string const& name, TomlTable table, std::string const& directory) {
  if (!cache::is_recipe_name(name))
    throw table.error_at("", format("\"{}\" cannot be a recipe's name", name),
                         "Use up to 64 of A-Z a-z 0-9 . _ + -, a letter or digit first.");
  cache::Recipe recipe{name, &read_filesystem(table), table.texts("mkfs_args"), {}, table.place()};
  if (!recipe.arguments.empty() && recipe.filesystem->formatter.empty())
    throw table.error_at("mkfs_args",
                         format("{} has no formatter that could take arguments", recipe.filesystem->name));
  if (auto const kernel = table.text("kernel"))
    recipe.kernel = (std::filesystem::path(directory) / *kernel).lexically_normal().string();
  table.finish();
  return recipe;
}

}  // namespace templatefs::cli
