// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cache/clean.h"
#include "cache/quarantine.h"
#include "cache/session.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/setup.h"

#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

struct CleanOptions {
  bool debris_only = false;
  bool quarantine = false;
  bool json = false;
  ConfigOptions config;
  StoreOptions store;
};

int run(CleanOptions options) {
  options.store.fill_from(options.config.load());
  auto const resolved = options.store.resolve();
  auto const store = cache::Store::open_existing(resolved);
  cache::CleanResult result;
  unsigned from_quarantine = 0;
  if (store && options.quarantine) {
    from_quarantine = cache::empty_quarantine(store->dir());
  } else if (store && options.debris_only) {
    result.debris = cache::sweep(store->dir());
  } else if (store) {
    result = cache::clean(*store);
  }
  if (options.json) {
    nlohmann::ordered_json const document = {{"schema", "templatefs.clean/1"},
                                             {"store", resolved.path},
                                             {"removed", result.removed},
                                             {"in_use", result.in_use},
                                             {"kept", result.kept},
                                             {"guests_removed", result.guests},
                                             {"debris_removed", result.debris},
                                             {"quarantine_removed", from_quarantine}};
    print_json(document);
    return kOk;
  }
  if (options.quarantine) {
    std::printf("%u template%s removed from quarantine\n", from_quarantine, from_quarantine == 1 ? "" : "s");
    return kOk;
  }
  if (!options.debris_only) {
    std::printf("%zu template%s removed\n", result.removed.size(), result.removed.size() == 1 ? "" : "s");
    for (auto const& key : result.in_use) std::printf("%s is in use and stays\n", key.c_str());
    if (!result.kept.empty()) std::printf("%zu of baked and imported recipes kept\n", result.kept.size());
    if (result.guests > 0)
      std::printf("%u saved guest%s removed\n", result.guests, result.guests == 1 ? "" : "s");
  }
  std::printf("%u dead session%s swept\n", result.debris, result.debris == 1 ? "" : "s");
  return kOk;
}

}  // namespace

void add_clean(CLI::App& program, Action& action) {
  auto options = std::make_shared<CleanOptions>();
  auto* const command = program.add_subcommand("clean", "Remove the templates that nobody uses");
  command->add_flag("--debris", options->debris_only, "Only what processes that are gone left behind");
  command->add_flag("--quarantine", options->quarantine, "Only what `templatefs verify` put into quarantine")
      ->excludes("--debris");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.clean/1");
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer("Example:\n  templatefs clean --debris");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
