// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/log.h"
#include "cache/stored_recipe.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/setup.h"
#include "cli/table.h"
#include "vm/filesystem.h"

#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

struct RecipesOptions {
  bool json = false;
  ConfigOptions config;
  StoreOptions store;
};

std::string seed_of(cache::Recipe const& recipe) {
  if (!recipe.seed) return {};
  return recipe.seed->path + (recipe.seed->subpath.empty() ? "" : ":" + recipe.seed->subpath);
}

std::string uuid_of(cache::Recipe const& recipe) {
  if (recipe.own_uuids) return "per-image";
  return recipe.uuid.empty() ? "template" : recipe.uuid;
}

std::string filesystem_of(cache::Recipe const& recipe) {
  // Of a stored one it says only that no superblock was recognised.
  bool const unknown = recipe.stored && recipe.filesystem->formatter.empty();
  return unknown ? "-" : std::string(recipe.filesystem->name);
}

std::string minimum_of(cache::Recipe const& recipe) {
  if (recipe.stored) return human_size(recipe.stored->bytes);
  constexpr auto kMiB = Capacity::kMiB;
  return Capacity::of_mib((recipe.filesystem->minimum_bytes + kMiB - 1) / kMiB).canonical();
}

/// What only a stored recipe has. Its file may be gone since it was listed.
void add_stored(Json& row, cache::Store const& store) {
  try {
    auto const stored = cache::read_stored_recipe(store.dir(), row["name"]);
    row["filesystem"] = stored.filesystem;
    row["minimum_bytes"] = stored.bytes;
    row["kind"] = stored.kind;
    row["template"] = stored.key;
    row["made_at"] = rfc3339(stored.made_at_ms);
    row["lineage"] = Json::parse(stored.lineage);
  } catch (Error const& error) {
    row["problem"] = error.sentence();
  }
}

void print_as_json(Config const& config, cache::RecipeBook const& book, cache::Store const* store) {
  Json recipes = Json::array();
  for (auto const* const each : book.all()) {
    recipes.push_back({{"name", each->name},
                       {"filesystem", each->filesystem->name},
                       {"mkfs_args", each->arguments},
                       {"kernel", each->kernel},
                       {"seed", seed_of(*each)},
                       {"label", each->label},
                       {"uuid", uuid_of(*each)},
                       {"minimum_bytes", each->filesystem->minimum_bytes},
                       {"from", each->origin}});
    if (each->stored && store != nullptr) add_stored(recipes.back(), *store);
  }
  Json const document = {
      {"schema", "templatefs.recipes/1"}, {"config", config.files}, {"recipes", std::move(recipes)}};
  print_json(document);
}

void print_table(cache::RecipeBook const& book) {
  std::vector<std::vector<std::string>> rows{
      {"RECIPE", "FILESYSTEM", "AT LEAST", "MKFS ARGUMENTS", "KERNEL", "SEED", "FROM"}};
  auto const dash = [](std::string const& text) { return text.empty() ? std::string("-") : text; };
  for (auto const* const each : book.all()) {
    std::string arguments;
    for (auto const& argument : each->arguments) arguments += (arguments.empty() ? "" : " ") + argument;
    rows.push_back({each->name, filesystem_of(*each), minimum_of(*each), dash(arguments), dash(each->kernel),
                    dash(seed_of(*each)), each->origin});
  }
  std::fputs(aligned_table(rows).c_str(), stdout);
}

int run(RecipesOptions options) {
  auto const config = options.config.load();
  options.store.fill_from(config);
  auto const store = cache::Store::open_existing(options.store.resolve());
  auto const book = config.recipe_book(store ? &*store : nullptr);
  if (options.json)
    print_as_json(config, book, store ? &*store : nullptr);
  else
    print_table(book);
  return kOk;
}

}  // namespace

void add_recipes(CLI::App& program, Action& action) {
  auto options = std::make_shared<RecipesOptions>();
  auto* const command = program.add_subcommand("recipes", "List the recipes, and where each comes from");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.recipes/1");
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer("Example:\n  templatefs recipes --config recipes.toml");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
