// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cli/command.h"
#include "cli/daemonize.h"
#include "cli/serve.h"
#include "fusefs/mount_obstacle.h"
#include "fusefs/mount_point.h"

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

namespace templatefs::cli {

namespace {

struct MountOptions {
  std::string mount_point;
  ServeOptions serve;
};

int run(MountOptions options) {
  options.serve.adopt_pinned = true;
  auto const config = options.serve.settle();
  // What is said before the store is open is for whoever waits, a person or a service's manager.
  log_to({options.serve.foreground ? LogPlace::Kind::standard_error : LogPlace::Kind::people},
         options.serve.log_level(config));
  // Before a store is made that is less than what this place could have.
  fusefs::require_mountable(false);
  std::string const mount_point = fusefs::prepare_mount_point(options.mount_point);
  if (options.serve.foreground)
    return serve(options.serve, config, mount_point, {{}, [](std::string const& words) {
                                                        std::fputs(words.c_str(), stdout);
                                                        std::fflush(stdout);
                                                      }});
  return daemonize([&](std::function<void(std::string const&)> const& ready) {
    return serve(options.serve, config, mount_point, {{}, ready});
  });
}

}  // namespace

void add_mount(CLI::App& program, Action& action) {
  auto options = std::make_shared<MountOptions>();
  auto* const command = program.add_subcommand("mount", "Mount the filesystem; returns once it answers");
  command->add_option("mount_point", options->mount_point, "An empty directory; made if only it is missing")
      ->required()
      ->type_name("DIR");
  command->add_flag("-f,--foreground", options->serve.foreground,
                    "Stay in the foreground, log to standard error");
  command->add_flag("--recover", options->serve.recover,
                    "Show the images of a mount that crashed there, instead of sweeping them");
  command->add_flag("--json", options->serve.json, "Print JSON, schema templatefs.mount/1");
  options->serve.add_to(*command);
  command->footer("Example: templatefs mount --store /srv/templatefs -o allow_other /mnt/templates");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
