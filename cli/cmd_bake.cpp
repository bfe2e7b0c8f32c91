// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/fan_out.h"
#include "cache/layout.h"
#include "cache/store_image.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_output.h"
#include "cli/mounted_image.h"
#include "fusefs/path_grammar.h"

#include <cerrno>
#include <chrono>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

struct BakeOptions {
  std::string image;
  std::string name;
  bool force = false;
  bool replace = false;
  bool json = false;
};

/// The store that the image's mount uses.
cache::Store open_store_of(MountedImage const& image) {
  std::string const path = image.status.at("store").at("path");
  try {
    auto store = cache::Store::open_existing({path, {}, cache::FanOutChoice::automatic});
    if (store) return std::move(*store);
  } catch (Error const& error) {
    if (error.err() != EACCES) throw;
  }
  throw Error(EACCES, format("bake {}: its mount's store {} cannot be opened", image.path, path),
              "Bake as the user who mounted it, on the machine or in the container where it was mounted.");
}

/// The names that the mount knows from its configuration.
cache::RecipeBook recipes_of(MountedImage const& image) {
  Config config;
  for (std::string const file : image.status.at("config")) read_config(config, file);
  return config.recipe_book();
}

cache::StoredRecipe bake(BakeOptions const& options, MountedImage const& image, cache::Store const& store) {
  auto session = cache::Session::create(store.dir(), "bake", image.path);
  check(::mkdirat(session.staging_dir(), "bake", 0700), "make directory", "bake");
  {
    Fd const entry = open_at(session.staging_dir(), "bake", O_RDONLY | O_DIRECTORY);
    Fd const source = image.open_in_store();
    struct stat st {};
    check(::fstat(source.get(), &st), "stat", image.path);
    cache::FanOut fan_out(store.rung(), store.fan_out_choice());
    (void)fan_out.make_image(source.get(), st.st_size, entry.get(), cache::layout::kImage);
  }
  Json const lineage = {{"image", image.path},
                        {"recipe", fusefs::template_of_path(image.below)},
                        {"template", image.made_from},
                        {"baked_at", rfc3339(epoch_ms_now())}};
  auto recipe = cache::store_image(store, session, "bake",
                                   {options.name, "", "bake", image.path, lineage.dump(), options.replace});
  session.drop();
  return recipe;
}

void print(BakeOptions const& options, MountedImage const& image, cache::StoredRecipe const& recipe,
           double seconds) {
  std::string const mount_point = image.status.at("mount_point");
  if (options.json) {
    Json const document = {{"schema", "templatefs.bake/1"},
                           {"name", recipe.name},
                           {"template", recipe.key},
                           {"bytes", recipe.bytes},
                           {"filesystem", recipe.filesystem},
                           {"path", format("{}/{}/{}", mount_point, recipe.name, cache::kNative)},
                           {"lineage", Json::parse(recipe.lineage)},
                           {"elapsed_ms", static_cast<std::int64_t>(seconds * 1000)}};
    print_json(document);
    return;
  }
  std::printf("baked %s: %s, %s, template %s, in %.0f ms\nTry: head -c 1 %s/%s/%s/first.img\n",
              recipe.name.c_str(), human_size(recipe.bytes).c_str(),
              recipe.filesystem.empty() ? "no filesystem known" : recipe.filesystem.c_str(),
              recipe.key.c_str(), seconds * 1000, mount_point.c_str(), recipe.name.c_str(),
              std::string(cache::kNative).c_str());
}

int run(BakeOptions const& options) {
  auto const started = std::chrono::steady_clock::now();
  auto const image = open_mounted_image(options.image);
  auto const store = open_store_of(image);
  cache::require_free_name(store, recipes_of(image), options.name, options.replace);
  if (!options.force)
    if (auto const writers = writers_of(image); !writers.empty())
      throw Error(EBUSY, format("bake {}: it is open for writing by {}", image.path, writers),
                  "End what writes to it, or take it as it stands with --force.");
  auto const recipe = bake(options, image, store);
  print(options, image, recipe,
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  return kOk;
}

}  // namespace

void add_bake(CLI::App& program, Action& action) {
  auto options = std::make_shared<BakeOptions>();
  auto* const command =
      program.add_subcommand("bake", "Make an image of a mount a recipe, kept in the store");
  command->add_option("image", options->image, "An image in a mount, as it stands")
      ->required()
      ->type_name("IMG");
  command->add_option("--name", options->name, "The recipe's name: MNT/NAME/native/<id>.img")->required();
  command->add_flag("--force", options->force, "Even while it is open for writing");
  command->add_flag("--replace", options->replace, "Take the name from the image that has it");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.bake/1");
  command->footer("Example:\n  templatefs bake /mnt/templates/btrfs/1G/golden.img --name myapp");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
