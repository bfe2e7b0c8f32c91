// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/gc.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/setup.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

struct GcOptions {
  std::string max_size;
  bool dry_run = false;
  bool json = false;
  ConfigOptions config;
  StoreOptions store;
};

/// The configuration's, with what the command line says in its place.
cache::Budget budget_of(GcOptions const& options) {
  auto budget = options.store.budget;
  if (options.max_size.empty()) return budget;
  auto const size = Capacity::parse(options.max_size);
  if (!size) throw Error(EINVAL, "--max-size " + options.max_size, "Write it like 512M, 20G or 1T.");
  budget.max_size = size->bytes();
  return budget;
}

void print(GcOptions const& options, cache::Budget const& budget, cache::GcResult const& result) {
  for (auto const& each : result.removed)
    std::printf("%s %s%s, %s, last used %s: %s\n", options.dry_run ? "would remove" : "removed",
                each.is_guest ? "the saved guest " : "", each.key.c_str(), human_size(each.freed).c_str(),
                rfc3339(each.used_at_ms).c_str(),
                each.too_old ? "older than max_age" : "the least recently used");
  for (auto const& key : result.in_use) std::printf("%s is in use and stays\n", key.c_str());
  for (auto const& key : result.kept) std::printf("%s is kept\n", key.c_str());
  auto const count = static_cast<std::size_t>(std::count_if(result.removed.begin(), result.removed.end(),
                                                            [](auto const& each) { return !each.is_guest; }));
  std::printf("%zu template%s %s; the others take %s, and %s is free\n", count, count == 1 ? "" : "s",
              options.dry_run ? "would be removed" : "removed",
              human_size(result.size - result.guests).c_str(), human_size(result.free).c_str());
  if (result.guests > 0) std::printf("saved guests take %s\n", human_size(result.guests).c_str());
  if (!budget.limits())
    std::printf("no budget is set: see [store] in templatefs.toml(5), or give --max-size\n");
  else if (!result.held)
    std::printf("the budget does not hold: what is left is in use or kept\n");
}

void print_as_json(GcOptions const& options, std::string const& store, cache::GcResult const& result) {
  Json removed = Json::array();
  for (auto const& each : result.removed)
    removed.push_back({{"kind", each.is_guest ? "guest" : "template"},
                       {"key", each.key},
                       {"last_used", rfc3339(each.used_at_ms)},
                       {"freed_bytes", each.freed},
                       {"reason", each.too_old ? "max_age" : "space"}});
  Json const document = {{"schema", "templatefs.gc/1"},
                         {"store", store},
                         {"dry_run", options.dry_run},
                         {"removed", removed},
                         {"in_use", result.in_use},
                         {"kept", result.kept},
                         {"template_bytes", result.size - result.guests},
                         {"guest_bytes", result.guests},
                         {"free_bytes", result.free},
                         {"held", result.held}};
  print_json(document);
}

int run(GcOptions options) {
  options.store.fill_from(options.config.load());
  auto const budget = budget_of(options);
  auto const store = require_store(options.store);
  if (!options.dry_run) cache::sweep(store.dir());
  auto session = cache::Session::create(store.dir(), "gc", "");
  auto const result = cache::collect_garbage(store, session, budget, 0,
                                             options.dry_run ? cache::Rehearsal::yes : cache::Rehearsal::no);
  session.drop();
  if (options.json)
    print_as_json(options, store.path(), result);
  else
    print(options, budget, result);
  return kOk;
}

}  // namespace

void add_gc(CLI::App& program, Action& action) {
  auto options = std::make_shared<GcOptions>();
  auto* const command = program.add_subcommand("gc", "Remove templates until the store's budget holds");
  command->add_flag("--dry-run", options->dry_run, "Print what would be removed, in this order");
  command
      ->add_option("--max-size", options->max_size,
                   "What all templates may take (default: the configuration's)")
      ->type_name("SIZE");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.gc/1");
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer("Example:\n  templatefs gc --dry-run --max-size 10G");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
