// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "cache/cache.h"
#include "cache/layout.h"
#include "cache/session.h"
#include "cli/command.h"
#include "cli/daemonize.h"
#include "cli/setup.h"
#include "fusefs/mount.h"
#include "fusefs/mount_point.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

struct MountOptions {
  std::string mount_point;
  std::vector<std::string> fuse_options;
  bool foreground = false;
  bool verbose = false;
  std::string log_file;
  std::string largest = "64T";
  ConfigOptions config;
  StoreOptions store;
  BuilderOptions builder;
};

std::string greeting(fusefs::Filesystem const& fs) {
  auto const& store = fs.cache.store();
  return format(
      "mounted {} (pid {}, store {}{}, fan-out {}, passthrough {})\n"
      "Try: ls -l {}/btrfs/256M; head -c 1 {}/btrfs/256M/first.img\n",
      fs.options.mount_point, ::getpid(), store.path(),
      store.has_own_filesystem() ? " on a filesystem of its own" : "", cache::rung_name(fs.cache.rung()),
      fs.connection.passthrough() ? "yes" : "no: " + fs.connection.passthrough_reason(),
      fs.options.mount_point, fs.options.mount_point);
}

/// Everything from here to the unmount. `ready` is told once the mount answers, with what to tell the user.
int serve(MountOptions const& options, Config const& config, std::string const& mount_point,
          std::function<void(std::string const&)> const& ready) {
  fusefs::block_end_signals();
  auto const largest = Capacity::parse(options.largest);
  if (!largest) throw Error(EINVAL, "--max-capacity " + options.largest, "Write it like 512M, 20G or 64T.");

  auto const store = cache::Store::open(options.store.resolve());
  // No thread has started yet: from now on the log goes where it stays.
  if (!options.foreground || !options.log_file.empty())
    log_to_file(options.log_file.empty() ? store.path() + "/" + cache::layout::kLogFile : options.log_file,
                options.verbose ? LogLevel::debug : LogLevel::all);
  ScopeExit const let_go_of_the_log([] { log_to_nowhere(); });
  if (auto const swept = cache::sweep(store.dir()); swept > 0)
    spdlog::info("swept {} session{} of processes that are gone", swept, swept == 1 ? "" : "s");
  auto session = cache::Session::create(store.dir(), "mount", mount_point);
  auto const builder = options.builder.make(store);
  auto const recipes = config.recipe_book(&store);
  cache::Cache cache(store, session, *builder, build_slots());
  fusefs::Filesystem fs({mount_point, *largest, config.files}, recipes, cache, session);
  fusefs::Mount mount(fs, options.fuse_options);
  spdlog::info("mounted {} (store {}, {})", mount_point, store.path(), store.explanation());
  ready(greeting(fs));

  mount.serve_until_ended();
  mount.end();
  session.drop();
  spdlog::info("unmounted {}", mount_point);
  return kOk;
}

int run(MountOptions options) {
  log_to_stderr(options.verbose ? LogLevel::debug : LogLevel::all);
  auto const config = options.config.load();
  options.store.fill_from(config);
  options.builder.fill_from(config);
  (void)config.recipe_book();  // what is wrong with it is said here, not by the daemon
  // Relative paths mean the caller's directory, which a daemon leaves.
  if (!options.log_file.empty()) options.log_file = std::filesystem::absolute(options.log_file).string();
  if (!options.builder.kernel.empty())
    options.builder.kernel = std::filesystem::absolute(options.builder.kernel).string();
  options.store.path = options.store.resolve().path;
  std::string const mount_point = fusefs::prepare_mount_point(options.mount_point);
  if (options.foreground)
    return serve(options, config, mount_point, [](std::string const& words) {
      std::fputs(words.c_str(), stdout);
      std::fflush(stdout);
    });
  return daemonize([&](std::function<void(std::string const&)> const& ready) {
    return serve(options, config, mount_point, ready);
  });
}

}  // namespace

void add_mount(CLI::App& program, Action& action) {
  auto options = std::make_shared<MountOptions>();
  auto* const command = program.add_subcommand("mount", "Mount the filesystem; returns once it answers");
  command->add_option("mount_point", options->mount_point, "An empty directory; made if only it is missing")
      ->required()
      ->type_name("MNT");
  command->add_flag("-f,--foreground", options->foreground, "Stay in the foreground, log to standard error");
  command->add_flag("-v,--verbose", options->verbose, "Log more");
  command->add_option("-o", options->fuse_options, "FUSE options, such as allow_other (repeatable)")
      ->type_name("OPT,...");
  options->config.add_to(*command);
  options->store.add_to(*command, true);
  options->builder.add_to(*command);
  command->add_option("--max-capacity", options->largest, "The largest capacity that exists (default: 64T)")
      ->type_name("SIZE");
  command
      ->add_option("--log", options->log_file, "Append the log here (default: templatefs.log in the store)")
      ->type_name("FILE");
  command->footer("Example:\n  templatefs mount --store /var/lib/templatefs -o allow_other /mnt/templates");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
