// SPDX-License-Identifier: Apache-2.0
#include "cli/recipe_table.h"

#include "base/log.h"
#include "base/suggest.h"
#include "vm/filesystem.h"
#include "vm/restamp.h"

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

std::string absolute(std::string const& path, std::string const& directory) {
  auto out = (std::filesystem::path(directory) / path).lexically_normal().string();
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

/// A path of a directory or a tar, or { image = FILE, path = DIRECTORY }.
std::optional<vm::Seed> read_seed(TomlTable& table, vm::Filesystem const& filesystem,
                                  std::string const& directory) {
  std::optional<vm::Seed> seed;
  if (table.is_table("seed")) {
    auto inner = *table.table("seed");
    auto const image = inner.text("image");
    auto const path = inner.text("path");
    inner.finish();
    if (!image)
      throw table.error_at("seed", "a seed in an image needs the image", R"(Add image = "disk.img".)");
    seed = {vm::Seed::Kind::image, absolute(*image, directory), path.value_or("/")};
  } else if (auto const text = table.text("seed")) {
    auto const path = absolute(*text, directory);
    std::error_code unknown;
    seed = {std::filesystem::is_directory(path, unknown) ? vm::Seed::Kind::directory : vm::Seed::Kind::tar,
            path};
  }
  if (seed && !filesystem.holds_files())
    throw table.error_at("seed",
                         format("{} cannot be filled from a seed: nothing mounts it", filesystem.name));
  return seed;
}

std::string read_label(TomlTable& table, vm::Filesystem const& filesystem) {
  auto const label = table.text("label");
  if (!label || label->empty()) return {};
  if (filesystem.label_option.empty())
    throw table.error_at("label", format("{} has no label", filesystem.name));
  if (label->size() > filesystem.longest_label)
    throw table.error_at("label", format("the label has {} bytes", label->size()),
                         format("{} holds {} at most.", filesystem.name, filesystem.longest_label));
  return *label;
}

/// "template", "per-image" or a UUID.
void read_uuid(TomlTable& table, cache::Recipe& recipe) {
  auto const text = table.text("uuid");
  if (!text || *text == "template") return;
  auto const& filesystem = *recipe.filesystem;
  if (*text == "per-image") {
    std::string list;
    for (auto const& each : vm::filesystems())
      if (vm::can_restamp(each)) list += (list.empty() ? "These can: " : ", ") + std::string(each.name);
    if (!vm::can_restamp(filesystem))
      throw table.error_at("uuid", format("images of {} cannot get UUIDs of their own", filesystem.name),
                           list + ".");
    recipe.own_uuids = true;
    return;
  }
  if (filesystem.uuid_option.empty())
    throw table.error_at(
        "uuid", filesystem.formatter.empty()
                    ? format("{} has no UUID", filesystem.name)
                    : format("{} cannot be told which UUID {} gets", filesystem.formatter, filesystem.name));
  auto uuid = vm::normal_uuid(filesystem.uuid_form, *text);
  if (!uuid)
    throw table.error_at(
        "uuid", format("\"{}\" is no UUID of {}", *text, filesystem.name),
        format(R"(Write "template", "per-image", or one like "{}".)",
               filesystem.uuid_form == vm::UuidForm::serial ? "2B4D-1A6F"
                                                            : "0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7d"));
  recipe.uuid = std::move(*uuid);
}

}  // namespace

cache::Recipe read_recipe(std::string const& name, TomlTable table, std::string const& directory) {
  if (!cache::is_recipe_name(name))
    throw table.error_at("", format("\"{}\" cannot be a recipe's name", name),
                         "Use up to 64 of A-Z a-z 0-9 . _ + -, a letter or digit first.");
  cache::Recipe recipe{name, &read_filesystem(table), table.texts("mkfs_args")};
  recipe.origin = table.place();
  if (!recipe.arguments.empty() && recipe.filesystem->formatter.empty())
    throw table.error_at("mkfs_args",
                         format("{} has no formatter that could take arguments", recipe.filesystem->name));
  if (auto const kernel = table.text("kernel")) recipe.kernel = absolute(*kernel, directory);
  recipe.seed = read_seed(table, *recipe.filesystem, directory);
  recipe.label = read_label(table, *recipe.filesystem);
  read_uuid(table, recipe);
  table.finish();
  return recipe;
}

}  // namespace templatefs::cli
