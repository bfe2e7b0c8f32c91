// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cache/session.h"
#include "cache/store_image.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/setup.h"

#include <cerrno>
#include <cstdio>

#include <CLI/CLI.hpp>

namespace templatefs::cli {

namespace {

struct ForgetOptions {
  std::vector<std::string> names;
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

int run(ForgetOptions options) {
  options.store.fill_from(options.config.load());
  auto const store = require_store(options.store);
  auto session = cache::Session::create(store.dir(), "forget", "");
  int status = kOk;
  for (auto const& name : options.names) {
    try {
      print(name, cache::forget_recipe(store, session, name));
    } catch (Error const& error) {
      if (error.err() != ENOENT) throw;
      status = complain(error, kNotFound);
    }
  }
  session.drop();
  return status;
}

}  // namespace

void add_forget(CLI::App& program, Action& action) {
  auto options = std::make_shared<ForgetOptions>();
  auto* const command = program.add_subcommand("forget", "Remove recipes that were baked or imported");
  command->add_option("name", options->names, "Which ones")->required()->type_name("RECIPE");
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer("Example:\n  templatefs forget myapp");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
