// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/store.h"
#include "cache/stored_recipes.h"
#include "cli/recipe_table.h"
#include "cli/toml_table.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <CLI/CLI.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

constexpr char kSystemFile[] = "/etc/templatefs/config.toml";

std::string from_environment(char const* name) {
  char const* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

/// Empty where there is neither.
std::string user_file() {
  auto const xdg = from_environment("XDG_CONFIG_HOME");
  if (!xdg.empty() && xdg.front() == '/') return xdg + "/templatefs/config.toml";
  auto const home = from_environment("HOME");
  return home.empty() ? std::string() : home + "/.config/templatefs/config.toml";
}

void set_path(std::string& value, std::optional<std::string> const& said, std::string const& directory) {
  if (said) value = (std::filesystem::path(directory) / *said).lexically_normal().string();
}

void set_choice(std::string& value, TomlTable& table, std::string const& key,
                std::vector<std::string> const& choices) {
  auto const said = table.text(key);
  if (!said) return;
  std::string list;
  for (auto const& each : choices) list += (list.empty() ? "" : ", ") + each;
  if (std::find(choices.begin(), choices.end(), *said) == choices.end())
    throw table.error_at(key, format("{} cannot be \"{}\"", key, *said), format("It is one of: {}.", list));
  value = *said;
}

std::optional<Capacity> read_size(TomlTable& table, std::string const& key) {
  auto const text = table.text(key);
  if (!text) return std::nullopt;
  auto const size = Capacity::parse(*text);
  if (!size)
    throw table.error_at(key, format("\"{}\" is no size", *text),
                         "Write it like \"512M\", \"20G\" or \"1T\".");
  return size;
}

void read_budget(cache::Budget& budget, TomlTable& table) {
  if (auto const size = read_size(table, "max_size")) budget.max_size = size->bytes();
  if (auto const size = read_size(table, "min_free")) budget.min_free = size->bytes();
  if (auto const age = table.text("max_age")) {
    budget.max_age = cache::parse_age(*age);
    if (!budget.max_age)
      throw table.error_at("max_age", format("\"{}\" is no age", *age),
                           "Write it like \"12h\", \"30d\" or \"8w\".");
  }
  if (!table.has("keep")) return;
  budget.keep.clear();
  for (auto const& each : table.texts("keep")) {
    auto kept = cache::parse_keep(each);
    if (!kept)
      throw table.error_at("keep", format("\"{}\" is no recipe, and no recipe with a capacity", each),
                           R"(Write them like ["btrfs", "ext4/1G"].)");
    budget.keep.push_back(std::move(*kept));
  }
}

void read_store(Config& config, TomlTable table, std::string const& directory) {
  set_path(config.store, table.text("path"), directory);
  if (auto const size = read_size(table, "size")) config.store_size = size->canonical();
  read_budget(config.budget, table);
  table.finish();
}

void read_guest(Config& config, TomlTable table, std::string const& directory) {
  set_path(config.kernel, table.text("kernel"), directory);
  set_choice(config.accelerator, table, "accelerator", {"auto", "kvm", "tcg"});
  set_choice(config.builder, table, "builder", {"guest", "host"});
  table.finish();
}

void read_quota(fusefs::Quota& quota, TomlTable table) {
  auto const set = [](std::optional<std::int64_t>& limit, std::optional<std::int64_t> said) {
    if (said) limit = said;
  };
  auto const bytes = [&](std::string const& key) -> std::optional<std::int64_t> {
    auto const size = read_size(table, key);
    if (!size) return std::nullopt;
    return size->bytes();
  };
  set(quota.images_per_user, table.count("images_per_user"));
  set(quota.bytes_per_user, bytes("bytes_per_user"));
  set(quota.builds_per_user, table.count("builds_per_user"));
  set(quota.images, table.count("images"));
  set(quota.bytes, bytes("bytes"));
  table.finish();
}

void read_log(Config& config, TomlTable table, std::string const& directory) {
  auto const said = table.text("to");
  if (said && LogPlace::parse(*said).kind != LogPlace::Kind::file)
    config.log = *said;
  else
    set_path(config.log, said, directory);
  set_choice(config.log_level, table, "level", {"debug", "info", "warning"});
  table.finish();
}

}  // namespace

void read_config(Config& config, std::string const& file) {
  auto const document = parse_toml(file);
  auto const directory = std::filesystem::path(file).parent_path().string();
  TomlTable top(document, file, "");
  if (auto table = top.table("store")) read_store(config, *table, directory);
  if (auto table = top.table("guest")) read_guest(config, *table, directory);
  if (auto table = top.table("quota")) read_quota(config.quota, *table);
  if (auto table = top.table("log")) read_log(config, *table, directory);
  if (auto recipes = top.table("recipe"))
    for (auto& [name, table] : recipes->tables()) {
      auto recipe = read_recipe(name, std::move(table), directory);
      std::erase_if(config.recipes,
                    [&, &taken = recipe.name](auto const& each) { return each.name == taken; });
      config.recipes.push_back(std::move(recipe));
    }
  top.finish();
  config.files.push_back(file);
}

cache::RecipeBook Config::recipe_book(cache::Store const* opened) const {
  return cache::RecipeBook(
      recipes, opened != nullptr ? std::make_shared<cache::StoredRecipes>(opened->dir()) : nullptr);
}

void ConfigOptions::add_to(CLI::App& command) {
  command.add_option("--config", file, "Read this configuration too (default: $TEMPLATEFS_CONFIG)")
      ->type_name("FILE");
}

void ConfigOptions::settle() {
  if (file.empty()) file = from_environment("TEMPLATEFS_CONFIG");
  if (!file.empty()) file = std::filesystem::absolute(file).lexically_normal().string();
}

Config ConfigOptions::load() const {
  Config config;
  for (auto const& each : {std::string(kSystemFile), user_file()})
    if (!each.empty() && ::access(each.c_str(), F_OK) == 0) read_config(config, each);
  ConfigOptions last = *this;
  last.settle();
  if (!last.file.empty()) read_config(config, last.file);
  return config;
}

}  // namespace templatefs::cli
