// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/log.h"
#include "cache/listing.h"
#include "cache/quarantine.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/print_images.h"
#include "cli/setup.h"
#include "cli/table.h"
#include "cli/template_json.h"

#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

struct LsOptions {
  bool images = false;
  bool detailed = false;
  bool json = false;
  ConfigOptions config;
  StoreOptions store;
};

void print_as_json(cache::Store const* store, std::string const& path,
                   std::vector<cache::TemplateEntry> const& entries, bool detailed) {
  Json templates = Json::array();
  for (auto const& entry : entries) {
    templates.push_back(template_json(entry));
    if (detailed) add_use(templates.back(), use_of_template(*store, entry.key));
  }
  Json quarantine = Json::array();
  if (store != nullptr)
    for (auto const& each : cache::list_quarantine(store->dir()))
      quarantine.push_back(
          {{"name", each.name}, {"reason", each.reason}, {"allocated_bytes", each.allocated_bytes}});
  Json const document = {{"schema", "templatefs.ls/1"},
                         {"store", path},
                         {"exists", store != nullptr},
                         {"templates", templates},
                         {"quarantine", quarantine}};
  print_json(document);
}

std::string users_text(std::vector<LockHolder> const& users, bool detailed) {
  if (users.empty()) return "-";
  std::string out;
  for (auto const& user : users)
    out += (out.empty() ? ""
            : detailed  ? ", "
                        : ",") +
           std::to_string(user.pid) + (detailed ? " (" + user.command + ")" : "");
  return out;
}

/// Whose template it is: a stored one may have several names, or none any more.
std::string recipe_of(cache::TemplateEntry const& entry) {
  if (!entry.manifest) return "?";
  if (entry.manifest->lineage.empty()) return entry.manifest->recipe;
  std::string out;
  for (auto const& name : entry.names) out += (out.empty() ? "" : ",") + name;
  return out.empty() ? "(forgotten)" : out;
}

/// What made it; where nothing of ours did, what it is from.
std::string maker_of(cache::Manifest const& manifest) {
  if (manifest.lineage.empty()) return manifest.report.formatter;
  auto const lineage = Json::parse(manifest.lineage);
  return lineage.value("kind", "") + " of " + lineage.value("origin", "");
}

/// What the long form has besides, in front of the users.
std::vector<std::string> use_columns(TemplateUse const& use) {
  return {use.usage ? human_size(use.usage->exclusive) : "-", use.usage ? human_size(use.usage->shared) : "-",
          use.used_at_ms < 0 ? "-" : rfc3339(use.used_at_ms)};
}

void print_table(cache::Store const& store, std::vector<cache::TemplateEntry> const& entries, bool detailed) {
  std::vector<std::vector<std::string>> rows{
      {"KEY", "RECIPE", "SIZE", "ALLOCATED", "BUILT", "KERNEL", "FORMATTER"}};
  if (detailed) rows[0].insert(rows[0].end(), {"EXCLUSIVE", "SHARED", "LAST USED"});
  rows[0].emplace_back("IN USE BY");
  for (auto const& entry : entries) {
    auto const dash = [](std::string const& text) { return text.empty() ? std::string("-") : text; };
    bool const known = entry.manifest.has_value();
    rows.push_back(
        {entry.key, recipe_of(entry), human_size(entry.capacity_bytes), human_size(entry.allocated_bytes),
         known ? rfc3339(entry.manifest->built_at_ms) : "(" + entry.problem + ")",
         known ? dash(entry.manifest->report.kernel) : "?", known ? dash(maker_of(*entry.manifest)) : "?"});
    auto& row = rows.back();
    if (detailed)
      for (auto& each : use_columns(use_of_template(store, entry.key))) row.push_back(std::move(each));
    row.push_back(users_text(entry.users, detailed));
  }
  std::fputs(aligned_table(rows).c_str(), stdout);
}

void print_quarantine(cache::Store const& store) {
  for (auto const& each : cache::list_quarantine(store.dir()))
    std::printf("in quarantine: %s, %s: %s\n", each.name.c_str(), human_size(each.allocated_bytes).c_str(),
                each.reason.c_str());
}

int run(LsOptions options) {
  options.store.fill_from(options.config.load());
  auto const resolved = options.store.resolve();
  auto const store = cache::Store::open_existing(resolved);
  if (options.images) {
    print_images(store ? &*store : nullptr, resolved.path, options.detailed, options.json);
    return kOk;
  }
  auto const entries = store ? cache::list_templates(store->dir()) : std::vector<cache::TemplateEntry>();
  if (options.json) {
    print_as_json(store ? &*store : nullptr, resolved.path, entries, options.detailed);
  } else if (entries.empty()) {
    std::printf("no templates in %s%s\n", resolved.path.c_str(),
                store ? "" : ", where there is no store yet");
  } else {
    print_table(*store, entries, options.detailed);
  }
  if (!options.json && store) print_quarantine(*store);
  return kOk;
}

}  // namespace

void add_ls(CLI::App& program, Action& action) {
  auto options = std::make_shared<LsOptions>();
  auto* const command = program.add_subcommand("ls", "List what is in the store: templates, or images");
  command->add_flag("--images", options->images, "The private images, those that are pinned too");
  command->add_flag("-l,--long", options->detailed,
                    "Also what each takes: of its own, and shared; when it was used or made,\nand by whom");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.ls/1 or templatefs.ls-images/1");
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer("Example:\n  templatefs ls -l --images");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
