// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "cli/color.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/live_mount.h"
#include "cli/setup.h"
#include "cli/template_story.h"
#include "fusefs/explain.h"
#include "fusefs/path_grammar.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

struct WhyOptions {
  std::string path;
  bool json = false;
  ColorOption color;
  ConfigOptions config;
  StoreOptions store;
  BuilderOptions builder;
};

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

/// What is known, for either kind of reader.
struct Reasons {
  std::string explanation;  // the mount's own words
  std::optional<TemplateStory> of_template;
  std::optional<Error> error;  // what is wrong with the path, or else with its template
  bool error_is_of_path = false;
};

void print(WhyOptions const& options, Reasons const& found) {
  std::fputs(with_errno_in_color(found.explanation, options.color).c_str(), stdout);
  if (found.of_template) std::fputs(found.of_template->text.c_str(), stdout);
  if (!found.error || (found.error_is_of_path && !found.explanation.empty())) return;
  std::printf("%s: %s: %s\n", found.error_is_of_path ? options.path.c_str() : "  its template",
              options.color(Tone::bad, errno_name(found.error->err())).c_str(),
              found.error->sentence().c_str());
}

void print_as_json(WhyOptions const& options, Reasons const& found) {
  print_json({{"schema", "templatefs.why/1"},
              {"path", options.path},
              {"explanation", found.explanation},
              {"error", found.error ? Json{{"errno", errno_name(found.error->err())},
                                           {"message", found.error->text()},
                                           {"remedy", found.error->remedy()}}
                                    : Json()},
              {"template", found.of_template ? found.of_template->json : Json()}});
}

Reasons look_into(WhyOptions options) {
  std::string below = options.path;
  Reasons found;
  Config config;
  if (auto const mount = find_mount_of(options.path)) {
    below = name_an_image(mount->below);
    // Directories have no failures of their own, only images, and links that lead nowhere.
    bool const is_link = fusefs::template_of_path(below).ends_with(std::string("/") + cache::kAuto);
    if ((is_link || below == mount->below) && has_explanation(below))
      found.explanation = read_file(AT_FDCWD, mount->mount_point + "/.templatefs/why/" + below);
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
  found.error = fusefs::explain_grammar(recipes, Capacity::of_mib(std::int64_t{64} << 20), below);
  found.error_is_of_path = found.error.has_value();
  if (!found.error) try {
      found.of_template = tell_of_template(options.builder, store,
                                           cache::parse_request(recipes, fusefs::template_of_path(below)));
    } catch (Error const& error) {
      found.error = error;
    }
  return found;
}

int run(WhyOptions const& options) {
  auto const found = look_into(options);
  if (options.json)
    print_as_json(options, found);
  else
    print(options, found);
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
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.why/1");
  options->color.add_to(*command);
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  options->builder.add_to(*command);
  command->footer("Example:\n  templatefs why /mnt/templates/xfs/256M/t1.img\n  templatefs why btrfs/256M");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
