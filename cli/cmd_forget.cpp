// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cache/session.h"
#include "cache/store_image.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/json_output.h"
#include "cli/setup.h"

#include <cerrno>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

struct ForgetOptions {
  std::vector<std::string> names;
  bool json = false;
  ConfigOptions config;
  StoreOptions store;
};

void print(std::string const& name, cache::Forgotten const& forgotten) {
  std::string others;
  for (auto const& other : forgotten.other_names) others += (others.empty() ? "" : ", ") + other;
  std::printf("%s is forgotten; ", name.c_str());
  switch (forgotten.fate) {
    case cache::Forgotten::Template::removed:
      std::printf("its template %s is removed\n", forgotten.key.c_str());
      break;
    case cache::Forgotten::Template::in_use:
      std::printf("its template %s is in use: `templatefs clean` removes it later\n", forgotten.key.c_str());
      break;
    case cache::Forgotten::Template::named:
      std::printf("its template %s stays for %s\n", forgotten.key.c_str(), others.c_str());
      break;
    case cache::Forgotten::Template::unknown:
      std::printf("which template it had cannot be told: `templatefs clean` removes it\n");
      break;
  }
}

char const* word_for(cache::Forgotten::Template fate) {
  switch (fate) {
    case cache::Forgotten::Template::removed:
      return "removed";
    case cache::Forgotten::Template::in_use:
      return "in-use";
    case cache::Forgotten::Template::named:
      return "kept";
    case cache::Forgotten::Template::unknown:
      break;
  }
  return "unknown";
}

int run(ForgetOptions options) {
  options.store.fill_from(options.config.load());
  auto const store = require_store(options.store);
  auto session = cache::Session::create(store.dir(), "forget", "");
  int status = kOk;
  Json gone = Json::array();
  for (auto const& name : options.names) {
    try {
      auto const forgotten = cache::forget_recipe(store, session, name);
      gone.push_back({{"name", name},
                      {"key", forgotten.key},
                      {"template", word_for(forgotten.fate)},
                      {"kept_for", forgotten.other_names}});
      if (!options.json) print(name, forgotten);
    } catch (Error const& error) {
      if (error.err() != ENOENT) throw;
      status = complain(error, kNotFound);
    }
  }
  session.drop();
  if (options.json) print_json({{"schema", "templatefs.forget/1"}, {"recipes", gone}});
  return status;
}

}  // namespace

void add_forget(CLI::App& program, Action& action) {
  auto options = std::make_shared<ForgetOptions>();
  auto* const command = program.add_subcommand("forget", "Remove recipes that were baked or imported");
  command->add_option("name", options->names, "Which ones")->required()->type_name("RECIPE");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.forget/1");
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer("Example:\n  templatefs forget myapp");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
