// SPDX-License-Identifier: Apache-2.0
#include "cli/serve.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/scope_exit.h"
#include "cache/cache.h"
#include "cache/housekeeping.h"
#include "cache/layout.h"
#include "cache/session.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/reload.h"
#include "cli/service_status.h"
#include "fusefs/mount.h"
#include "fusefs/pinning.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
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

std::string greeting_in_json(fusefs::Filesystem const& fs) {
  auto const& store = fs.cache.store();
  return json_line(
             {{"schema", "templatefs.mount/1"},
              {"mount_point", fs.options.mount_point},
              {"pid", ::getpid()},
              {"store",
               {{"path", store.path()},
                {"own_filesystem", store.has_own_filesystem()},
                {"fanout", cache::rung_name(fs.cache.rung())}}},
              {"passthrough",
               {{"active", fs.connection.passthrough()}, {"reason", fs.connection.passthrough_reason()}}}}) +
         "\n";
}

void sweep(cache::Store const& store) {
  if (auto const swept = cache::sweep(store.dir()); swept > 0)
    spdlog::info("swept {} session{} of processes that are gone", swept, swept == 1 ? "" : "s");
}

std::string absolute(std::string const& path) {
  return path.empty() ? path : std::filesystem::absolute(path).string();
}

/// A mount that has one ends with its terminal; any other has no use for a hangup but to be told something.
bool has_terminal() {
  return static_cast<bool>(Fd(::open("/dev/tty", O_RDWR | O_CLOEXEC)));
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
  command.add_option("--log", log, "stderr, journal or a file (default: templatefs.log in the store)")
      ->type_name("WHERE");
}

Config ServeOptions::settle() {
  auto const loaded = config.load();
  store.fill_from(loaded);
  builder.fill_from(loaded);
  (void)loaded.recipe_book();  // what is wrong with it is said here
  config.settle();
  if (LogPlace::parse(log).kind == LogPlace::Kind::file) log = absolute(log);
  builder.kernel = absolute(builder.kernel);
  store.path = store.resolve().path;
  return loaded;
}

std::string ServeOptions::log_place(Config const& said) const {
  if (!log.empty()) return log;
  if (!said.log.empty()) return said.log;
  return foreground ? "stderr" : store.path + "/" + cache::layout::kLogFile;
}

LogLevel ServeOptions::log_level(Config const& said) const {
  if (verbose || said.log_level == "debug") return LogLevel::debug;
  return said.log_level == "warning" ? LogLevel::warning : LogLevel::info;
}

void ServeOptions::start_log(Config const& said, std::string const& mount_point) const {
  auto place = LogPlace::parse(log_place(said));
  char const* const socket = std::getenv("TEMPLATEFS_JOURNAL");
  if (place.kind == LogPlace::Kind::journal && socket != nullptr) place.path = socket;
  log_to(place, log_level(said), {{"TEMPLATEFS_MOUNT", mount_point}, {"TEMPLATEFS_STORE", store.path}});
}

int serve(ServeOptions const& options, Config const& config, std::string const& mount_point,
          ServeHooks const& hooks) {
  fusefs::block_end_signals();
  // What we run has no use for what a service lets us do.
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  auto const largest = Capacity::parse(options.largest);
  if (!largest) throw Error(EINVAL, "--max-capacity " + options.largest, "Write it like 512M, 20G or 64T.");

  auto store = cache::Store::open(options.store.resolve());
  auto const surroundings = hooks.surround ? hooks.surround() : nullptr;
  // From now on the log goes where it stays.
  options.start_log(config, mount_point);
  ScopeExit const let_go_of_the_log([] { log_to_nowhere(); });
  // Before the sweep where it wants something of what that would remove; else after it, in the room it makes.
  if (!options.recover) sweep(store);
  auto session = cache::Session::create(store.dir(), "mount", mount_point, options.recover);
  if (options.recover) sweep(store);
  auto const builder = options.builder.make(store);
  auto const recipes = config.recipe_book(&store);
  cache::Cache cache(store, session, *builder, build_slots());
  fusefs::Filesystem fs({mount_point, *largest, config.files}, recipes, cache, session);
  fs.set_quota(config.quota);
  fusefs::restore_images(fs, options.adopt_pinned);
  fusefs::Mount mount(fs, options.fuse_options);
  std::optional<cache::Housekeeping> housekeeping(std::in_place, store, session);
  spdlog::info("mounted {} (store {}, {})", mount_point, store.path(), store.explanation());
  if (hooks.ready) hooks.ready(options.json ? greeting_in_json(fs) : greeting(fs));
  // A mount in the background, or one of `run`, is not what a manager started.
  std::optional<ServiceStatus> service;
  if (options.foreground) service.emplace(fs);

  std::function<void()> on_hangup;
  if (!has_terminal())
    on_hangup = [&] {
      if (reload(options, config, mount_point, store, fs)) housekeeping->look_now();
    };
  mount.serve_until_ended(on_hangup);
  service.reset();
  mount.end();
  housekeeping.reset();
  session.drop();
  spdlog::info("unmounted {}", mount_point);
  return kOk;
}

}  // namespace templatefs::cli
