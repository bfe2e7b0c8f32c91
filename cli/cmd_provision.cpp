// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/setup.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

struct ProvisionOptions {
  std::string owner;
  StoreOptions store;
  ConfigOptions config;
};

/// The store and all that is in it, unless it is theirs already. What is not ours is not followed to.
void give_to(std::string const& owner, cache::Store const& store) {
  passwd const* const user = ::getpwnam(owner.c_str());
  if (user == nullptr)
    throw Error(ENOENT, "find the user " + owner, "systemd-sysusers makes those of services.");
  struct stat st {};
  check(::fstat(store.dir(), &st), "stat", store.path());
  if (st.st_uid == user->pw_uid && st.st_gid == user->pw_gid) return;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(store.path()))
    check(::lchown(entry.path().c_str(), user->pw_uid, user->pw_gid), "chown", entry.path().string());
  // Last: where this was interrupted, the next time does the rest.
  check(::fchown(store.dir(), user->pw_uid, user->pw_gid), "chown", store.path());
}

int run(ProvisionOptions options) {
  options.store.fill_from(options.config.load());
  auto store = cache::Store::open(options.store.resolve());
  if (!options.owner.empty()) give_to(options.owner, store);
  store.stay_mounted();
  std::printf("%s: %s%s\n", store.path().c_str(), store.explanation().c_str(),
              options.owner.empty() ? "" : (", owned by " + options.owner).c_str());
  return kOk;
}

}  // namespace

void add_provision(CLI::App& program, Action& action) {
  auto options = std::make_shared<ProvisionOptions>();
  auto* const command =
      program.add_subcommand("provision", "Make a store, with a filesystem of its own if it takes one");
  command->add_option("--owner", options->owner, "The user that it is for")->type_name("USER");
  options->config.add_to(*command);
  options->store.add_to(*command, true);
  command->footer(
      "A mount does this by itself. It is for a store whose user may not mount one.\n\n"
      "Example:\n  templatefs provision --store /srv/store --store-size 100G --owner ci");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
