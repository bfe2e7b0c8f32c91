// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/log.h"
#include "cli/setup.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace templatefs::cli {

/// The options of a mount, however it comes to be.
struct ServeOptions {
  std::vector<std::string> fuse_options;
  bool verbose = false;
  bool recover = false;       // take over the images of a mount that crashed there
  bool adopt_pinned = false;  // show the images that are pinned in the store
  bool foreground = false;
  bool json = false;  // `ready` is told JSON, schema templatefs.mount/1
  std::string log;    // stderr, journal or a file; empty: what the configuration says
  std::string largest = "64T";
  ConfigOptions config;
  StoreOptions store;
  BuilderOptions builder;

  void add_to(CLI::App& command);
  /// Reads the configuration and makes all paths absolute: a daemon leaves the caller's directory. Throws
  /// Error for what is wrong with either, here and not in the daemon.
  Config settle();
  /// Where the log goes: --log, else the configuration's, else standard error in the foreground and a file in
  /// the store in the background.
  std::string log_place(Config const& said) const;
  LogLevel log_level(Config const& said) const;
  /// The log goes there from now on. Throws as log_to does.
  void start_log(Config const& said, std::string const& mount_point) const;
};

/// What a caller adds to serve(), each may be empty.
struct ServeHooks {
  /// Called when the store is open and nothing else is; what it returns is destroyed after the mount has
  /// ended and before the store is closed. The process has one thread at both times.
  std::function<std::shared_ptr<void>()> surround;
  /// Called once the mount answers, with what to tell the user.
  std::function<void(std::string const&)> ready;
};

/// A mount from the opening of its store to its end. Returns an exit status, throws Error.
int serve(ServeOptions const& options, Config const& config, std::string const& mount_point,
          ServeHooks const& hooks);

}  // namespace templatefs::cli
