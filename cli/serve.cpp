// SPDX-License-Identifier: Apache-2.0
#include "cli/serve.h"

#include "base/error.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "cache/cache.h"
#include "cache/housekeeping.h"
#include "cache/layout.h"
#include "cache/session.h"
#include "cli/command.h"
#include "fusefs/mount.h"
#include "fusefs/pinning.h"

#include <cerrno>
#include <filesystem>
#include <optional>

#include <CLI/CLI.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

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

void sweep(cache::Store const& store) {
  if (auto const swept = cache::sweep(store.dir()); swept > 0)
    spdlog::info("swept {} session{} of processes that are gone", swept, swept == 1 ? "" : "s");
}

std::string absolute(std::string const& path) {
  return path.empty() ? path : std::filesystem::absolute(path).string();
}

}  // namespace

void ServeOptions::add_to(CLI::App& command) {
  command.add_flag("-v,--verbose", verbose, "Log more");
  command.add_option("-o", fuse_options, "FUSE options, such as allow_other (repeatable)")
      ->type_name("OPT,...");
  config.add_to(command);
  store.add_to(command, true);
  builder.add_to(command);
  command.add_option("--max-capacity", largest, "The largest capacity that exists (default: 64T)")
      ->type_name("SIZE");
  command.add_option("--log", log_file, "Append the log here (default: templatefs.log in the store)")
      ->type_name("FILE");
}

Config ServeOptions::settle() {
  auto const loaded = config.load();
  store.fill_from(loaded);
  builder.fill_from(loaded);
  (void)loaded.recipe_book();  // what is wrong with it is said here
  log_file = absolute(log_file);
  builder.kernel = absolute(builder.kernel);
  store.path = store.resolve().path;
  return loaded;
}

int serve(ServeOptions const& options, Config const& config, std::string const& mount_point,
          ServeHooks const& hooks) {
  fusefs::block_end_signals();
  auto const largest = Capacity::parse(options.largest);
  if (!largest) throw Error(EINVAL, "--max-capacity " + options.largest, "Write it like 512M, 20G or 64T.");

  auto const store = cache::Store::open(options.store.resolve());
  auto const surroundings = hooks.surround ? hooks.surround() : nullptr;
  // No thread has started yet: from now on the log goes where it stays.
  if (!options.log_to_terminal || !options.log_file.empty())
    log_to_file(options.log_file.empty() ? store.path() + "/" + cache::layout::kLogFile : options.log_file,
                options.verbose ? LogLevel::debug : LogLevel::all);
  ScopeExit const let_go_of_the_log([] { log_to_nowhere(); });
  // Before the sweep where it wants something of what that would remove; else after it, in the room it makes.
  if (!options.recover) sweep(store);
  auto session = cache::Session::create(store.dir(), "mount", mount_point, options.recover);
  if (options.recover) sweep(store);
  auto const builder = options.builder.make(store);
  auto const recipes = config.recipe_book(&store);
  cache::Cache cache(store, session, *builder, build_slots());
  fusefs::Filesystem fs({mount_point, *largest, config.files}, recipes, cache, session);
  fusefs::restore_images(fs, options.adopt_pinned);
  fusefs::Mount mount(fs, options.fuse_options);
  std::optional<cache::Housekeeping> housekeeping;
  if (store.budget().limits()) housekeeping.emplace(store, session);
  spdlog::info("mounted {} (store {}, {})", mount_point, store.path(), store.explanation());
  if (hooks.ready) hooks.ready(greeting(fs));

  mount.serve_until_ended();
  mount.end();
  housekeeping.reset();
  session.drop();
  spdlog::info("unmounted {}", mount_point);
  return kOk;
}

}  // namespace templatefs::cli
