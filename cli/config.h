// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/budget.h"
#include "cache/recipe.h"
#include "fusefs/quota.h"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace templatefs::cache {
class Store;
}

namespace templatefs::cli {

/// What the configuration files say. Empty: nothing was said, the default holds. A later file overrides an
/// earlier one key by key, and recipe by recipe.
struct Config {
  std::vector<std::string> files;  // those that were read, in that order
  std::string store;               // a directory
  std::string store_size;          // of a filesystem of our own: "20G"
  cache::Budget budget;            // of the store
  std::string kernel;              // the guest's, a path
  std::string accelerator;         // auto, kvm, tcg
  std::string builder;             // guest, host
  fusefs::Quota quota;             // of a mount's users
  std::string log;                 // stderr, journal or a file
  std::string log_level;           // debug, info, warning
  std::vector<cache::Recipe> recipes;

  /// The built-in recipes, these, and those that a store keeps, where one is given; it is borrowed. Throws
  /// Error(EINVAL) where a name is taken.
  cache::RecipeBook recipe_book(cache::Store const* opened = nullptr) const;
};

/// Reads one file on top of what is there. Paths in it are relative to its directory. Throws Error: EINVAL
/// with file, line and column, or the errno of reading it.
void read_config(Config& config, std::string const& file);

/// Which files are read: /etc/templatefs/config.toml, the user's (in $XDG_CONFIG_HOME, else ~/.config), then
/// --config, else $TEMPLATEFS_CONFIG.
struct ConfigOptions {
  std::string file;

  void add_to(CLI::App& command);
  /// From now on load() reads the same last file, whatever becomes of the working directory.
  void settle();
  /// The first two need not exist. Throws as read_config does.
  Config load() const;
};

}  // namespace templatefs::cli
