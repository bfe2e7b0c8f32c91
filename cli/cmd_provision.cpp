// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/setup.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

struct ProvisionOptions {
  std::string owner;
  bool json = false;
  StoreOptions store;
  ConfigOptions config;
};

/// Somebody else could put another directory, or a link to one, in the store's place while we work as root.
void require_place_of_roots(std::string const& store) {
  auto const parent = std::filesystem::path(store).parent_path().string();
  struct stat st {};
  check(::stat(parent.c_str(), &st), "stat", parent);
  if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(EPERM, "give away a store in " + parent + ": others than root may write there",
                "Choose a directory of root's; the store in it is the user's.");
  if (::lstat(store.c_str(), &st) == 0 && !S_ISDIR(st.st_mode))
    throw Error(ENOTDIR, "give away the store " + store, "A link will not do.");
}

/// All that is in a directory, whoever changes it meanwhile: no link is followed, symbolic or hard.
void give_entries(Fd const& directory, passwd const& user) {
  for_each_entry(directory.get(), ".", [&](std::string const& name) {
    struct stat st {};
    if (::fstatat(directory.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return;  // gone
    if (S_ISDIR(st.st_mode)) {
      Fd const below(
          ::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!below) return;
      give_entries(below, user);
      check(::fchown(below.get(), user.pw_uid, user.pw_gid), "chown", name);
    } else if (st.st_uid == 0 && st.st_nlink == 1) {
      check(::fchownat(directory.get(), name.c_str(), user.pw_uid, user.pw_gid, AT_SYMLINK_NOFOLLOW), "chown",
            name);
    }
  });
}

/// Each time: what root's own commands left in it is the user's as well.
void give_to(std::string const& owner, cache::Store const& store) {
  passwd const* const user = ::getpwnam(owner.c_str());
  if (user == nullptr)
    throw Error(ENOENT, "find the user " + owner, "systemd-sysusers makes those of services.");
  Fd const directory = open_at(store.dir(), ".", O_RDONLY | O_DIRECTORY);
  give_entries(directory, *user);
  check(::fchown(directory.get(), user->pw_uid, user->pw_gid), "chown", store.path());
}

int run(ProvisionOptions options) {
  options.store.fill_from(options.config.load());
  auto const place = options.store.resolve();
  if (!options.owner.empty()) require_place_of_roots(place.path);
  auto store = cache::Store::open(place);
  if (!options.owner.empty()) give_to(options.owner, store);
  store.stay_mounted();
  if (options.json)
    print_json({{"schema", "templatefs.provision/1"},
                {"store", store.path()},
                {"explanation", store.explanation()},
                {"owner", options.owner}});
  else
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
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.provision/1");
  options->config.add_to(*command);
  options->store.add_to(*command, true);
  command->footer(
      "A mount does this by itself. It is for a store whose user may not mount one.\n\n"
      "Example:\n  templatefs provision --store /srv/store --store-size 100G --owner ci");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
