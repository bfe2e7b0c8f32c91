// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/error.h"
#include "base/log.h"
#include "base/suggest.h"
#include "cache/listing.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/inspected_path.h"
#include "cli/inspected_template.h"
#include "cli/json_output.h"
#include "cli/live_mount.h"
#include "cli/setup.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include <CLI/CLI.hpp>

#include <sys/stat.h>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

struct InspectOptions {
  std::string subject;
  bool json = false;
  ConfigOptions config;
  StoreOptions store;
};

struct Inspected {
  std::optional<InspectedPath> path;
  std::vector<InspectedTemplate> templates;
  std::string problem;  // why the templates of a path are not among them
};

/// A word without a slash may be both; a key is no name in any directory of a mount.
std::optional<LiveMount> as_path(std::string const& subject) {
  struct stat st {};
  if (subject.find('/') == std::string::npos && ::lstat(subject.c_str(), &st) != 0) return std::nullopt;
  return find_mount_of(subject);
}

/// "btrfs/256M" stands for all keys of that recipe and capacity.
std::string as_prefix(std::string const& subject) {
  auto const slash = subject.find('/');
  if (slash == std::string::npos) return subject;
  auto const capacity = Capacity::parse(std::string_view(subject).substr(slash + 1));
  return capacity ? subject.substr(0, slash) + "-" + std::to_string(capacity->mib()) + "m-" : subject;
}

Inspected look_at_path(LiveMount const& mount) {
  Inspected out;
  out.path = inspect_path(mount);
  try {
    auto const store = cache::Store::open_existing({.path = out.path->store, .loop_bytes = std::nullopt});
    if (!store) return out;
    for (auto const& key : out.path->keys()) out.templates.push_back(inspect_template(*store, key));
  } catch (Error const& error) {
    // The mount answers everybody, its store only its owner.
    out.problem = error.sentence();
  }
  return out;
}

/// Says on standard error that there is none, and returns nothing then.
Inspected look_for_keys(InspectOptions const& options) {
  Inspected out;
  auto const store = require_store(options.store);
  auto const keys = cache::template_names(store.dir()).keys;
  auto const prefix = as_prefix(options.subject);
  for (auto const& key : keys)
    if (key.starts_with(prefix)) out.templates.push_back(inspect_template(store, key));
  if (!out.templates.empty()) return out;
  auto known = keys;
  for (auto const& key : keys) known.push_back(key.substr(0, key.rfind('-')));
  auto const meant = suggestion(prefix, known);
  complain(ENOENT,
           format("no mount holds {}, and no template in {} has a key that begins so", options.subject,
                  store.path()),
           meant.empty() ? "`templatefs ls` lists the keys." : meant, kNotFound);
  return out;
}

void print(Inspected const& found) {
  std::string out;
  if (found.path) out = found.path->to_text();
  if (!found.problem.empty()) out += "\nits template: " + found.problem + "\n";
  for (auto const& each : found.templates) out += (out.empty() ? "" : "\n") + each.to_text();
  std::fputs(out.c_str(), stdout);
}

void print_as_json(Inspected const& found) {
  Json templates = Json::array();
  for (auto const& each : found.templates) templates.push_back(each.to_json());
  Json document = {{"schema", "templatefs.inspect/1"}};
  if (found.path) document["image"] = found.path->to_json();
  if (!found.problem.empty()) document["problem"] = found.problem;
  document["templates"] = templates;
  print_json(document);
}

int run(InspectOptions options) {
  Inspected found;
  if (auto const mount = as_path(options.subject)) {
    try {
      found = look_at_path(*mount);
    } catch (Error const& error) {
      if (error.err() != ENOENT) throw;
      return complain(error, kNotFound);
    }
  } else {
    options.store.fill_from(options.config.load());
    found = look_for_keys(options);
    if (found.templates.empty()) return kNotFound;
  }
  if (options.json)
    print_as_json(found);
  else
    print(found);
  return kOk;
}

}  // namespace

void add_inspect(CLI::App& program, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  auto* const command =
      program.add_subcommand("inspect", "Say all that is known of an image or of templates");
  command
      ->add_option("subject", options->subject,
                   "A path in a mount; or the beginning of a template's key, or\nRECIPE/CAPACITY")
      ->required()
      ->type_name("PATH|KEY");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.inspect/1");
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer(
      "Exit status: 3 where there is nothing of that name.\n\n"
      "Example:\n  templatefs inspect /mnt/templates/btrfs/256M/t1.img\n  templatefs inspect "
      "btrfs-256m-a7b8");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
