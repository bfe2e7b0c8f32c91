// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/key.h"
#include "cache/layout.h"
#include "cache/listing.h"
#include "cache/stored_recipe.h"
#include "cli/color.h"
#include "cli/command.h"
#include "cli/live_mount.h"
#include "cli/setup.h"
#include "fusefs/explain.h"
#include "fusefs/path_grammar.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <optional>

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

struct WhyOptions {
  std::string path;
  ColorOption color;
  ConfigOptions config;
  StoreOptions store;
  BuilderOptions builder;
};

/// "kernel_version: 6.1.0 then, 6.12.0 now", a line for each input that differs.
std::string differing_fields(std::vector<vm::Input> const& then, std::vector<vm::Input> const& now) {
  std::map<std::string, std::pair<std::string, std::string>> values;
  for (auto const& [field, value] : then) values[field].first = value;
  for (auto const& [field, value] : now) values[field].second = value;
  std::string out;
  for (auto const& [field, pair] : values)
    if (pair.first != pair.second)
      out += format("    {}: \"{}\" then, \"{}\" now\n", field, pair.first, pair.second);
  return out;
}

void explain_stored(cache::Store const& store, cache::Recipe const& recipe) {
  auto const& key = recipe.stored->key;
  bool const there = ::faccessat(store.dir(), cache::layout::template_image(key).c_str(), F_OK, 0) == 0;
  auto const stored = cache::read_stored_recipe(store.dir(), recipe.name);
  std::printf("  its template: %s, %s on %s%s\n", key.c_str(), recipe.origin.c_str(),
              rfc3339(stored.made_at_ms).c_str(), there ? "" : ", and missing: store it again");
}

/// What the store says of the template that this path needs.
void explain_template(WhyOptions const& options, std::optional<cache::Store> const& store,
                      cache::TemplateRequest const& request) {
  if (!store) {
    std::printf("  its template: not built, there is no store yet\n");
    return;
  }
  if (request.recipe->stored) return explain_stored(*store, *request.recipe);
  auto const key = cache::make_key(request, *options.builder.make(*store));
  auto const entries = cache::list_templates(store->dir());
  std::printf("  its template: %s, ", key.name.c_str());
  for (auto const& entry : entries)
    if (entry.key == key.name) {
      std::printf("built %s\n",
                  entry.manifest ? rfc3339(entry.manifest->built_at_ms).c_str() : "(no manifest)");
      return;
    }
  std::printf("not built yet: the next open builds it\n");
  for (auto const& entry : entries)
    if (entry.manifest && entry.manifest->recipe == request.recipe->name &&
        entry.manifest->capacity_bytes == request.bytes())
      std::printf("  %s was built from other inputs:\n%s", entry.key.c_str(),
                  differing_fields(entry.manifest->fields, key.fields).c_str());
}

/// A directory will do: any image in it has the same template.
std::string name_an_image(std::string const& path) {
  auto const depth = std::count(path.begin(), path.end(), '/');
  if (depth == 1) return path + "/any.img";
  bool const is_set = depth == 2 && fusefs::id_of_set_name(path.substr(path.rfind('/') + 1));
  return is_set ? path + "/" + std::string(fusefs::kDisksOfSet[0]) : path;
}

/// Whether .templatefs/why/ has a file of that name, whatever is in it.
bool has_explanation(std::string_view path) {
  auto const kind = fusefs::template_of_path(path);
  if (kind.size() == path.size()) return false;
  auto const name = path.substr(kind.size() + 1);
  auto const slash = name.find('/');
  bool const in_set = fusefs::id_of_set_name(name.substr(0, slash)).has_value();
  return in_set ? slash != name.npos && name.find('/', slash + 1) == name.npos : slash == name.npos;
}

/// The errno of the first line stands out: "t1.img: EIO: ...".
std::string with_errno_in_color(std::string const& text, ColorOption const& color) {
  auto const begin = text.find(": E") + 2;
  auto const end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", begin);
  if (begin == 1 || begin > text.find('\n') || end == text.npos || text[end] != ':') return text;
  return text.substr(0, begin) + color(Tone::bad, text.substr(begin, end - begin)) + text.substr(end);
}

int run(WhyOptions options) {
  std::string below = options.path;
  bool told = false;
  Config config;
  if (auto const mount = find_mount_of(options.path)) {
    below = name_an_image(mount->below);
    // Directories have no failures of their own, only images, and links that lead nowhere.
    bool const is_link = fusefs::template_of_path(below).ends_with(std::string("/") + cache::kAuto);
    told = (is_link || below == mount->below) && has_explanation(below);
    if (told)
      std::fputs(with_errno_in_color(read_file(AT_FDCWD, mount->mount_point + "/.templatefs/why/" + below),
                                     options.color)
                     .c_str(),
                 stdout);
    // The mount's own recipes and store, whatever they would be here.
    auto const status = read_status(mount->mount_point);
    if (options.store.path.empty()) options.store.path = status["store"]["path"];
    for (std::string const file : status["config"]) read_config(config, file);
  } else {
    below = name_an_image(below);
    config = options.config.load();
  }
  options.store.fill_from(config);
  options.builder.fill_from(config);
  auto const store = cache::Store::open_existing(options.store.resolve());
  auto const recipes = config.recipe_book(store ? &*store : nullptr);
  if (auto const wrong = fusefs::explain_grammar(recipes, Capacity::of_mib(std::int64_t{64} << 20), below)) {
    if (!told)
      std::printf("%s: %s: %s\n", options.path.c_str(),
                  options.color(Tone::bad, errno_name(wrong->err())).c_str(), wrong->sentence().c_str());
    return kOk;
  }
  try {
    explain_template(options, store, cache::parse_request(recipes, fusefs::template_of_path(below)));
  } catch (Error const& error) {
    std::printf("  its template: %s: %s\n", options.color(Tone::bad, errno_name(error.err())).c_str(),
                error.sentence().c_str());
  }
  return kOk;
}

}  // namespace

void add_why(CLI::App& program, Action& action) {
  auto options = std::make_shared<WhyOptions>();
  auto* const command =
      program.add_subcommand("why", "Say why an image could not be opened, or its template not be found");
  command->add_option("path", options->path, "An image in a mount, or RECIPE/CAPACITY")
      ->required()
      ->type_name("PATH|RECIPE/CAPACITY");
  options->color.add_to(*command);
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  options->builder.add_to(*command);
  command->footer("Example:\n  templatefs why /mnt/templates/xfs/256M/t1.img\n  templatefs why btrfs/256M");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
