// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mount_table.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/json_output.h"
#include "cli/live_mount.h"
#include "fusefs/mount_point.h"

#include <cerrno>
#include <chrono>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <poll.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

struct UmountOptions {
  std::string mount_point;
  bool lazy = false;
  bool json = false;
  int wait_seconds = 10;
};

/// Readable once the daemon has ended; empty where it is dead already, or not in our pid namespace.
Fd watch_daemon(std::string const& mount_point) {
  try {
    auto const pid = read_status(mount_point).at("pid").get<int>();
    return open_pidfd(pid);
  } catch (std::exception const&) {
    return Fd();
  }
}

/// `ended` where the daemon is known to be gone, and the images with it.
void report(UmountOptions const& options, std::string const& mount_point, bool ended) {
  if (options.json)
    print_json({{"schema", "templatefs.umount/1"}, {"mount_point", mount_point}, {"daemon_ended", ended}});
}

int run(UmountOptions const& options) {
  std::string const mount_point = absolute_path(options.mount_point);
  auto const there = mount_at(mount_point);
  if (!there || there->type != fusefs::kMountType) {
    return complain(ENOENT, "no templatefs is mounted at " + mount_point, "", kNotFound);
  }
  Fd const daemon = watch_daemon(mount_point);
  if (!fusefs::detach_mount(mount_point, options.lazy)) {
    std::string users;
    for (auto const& user : users_of(mount_point)) users += (users.empty() ? "" : ", ") + user;
    throw Error(EBUSY, "unmount " + mount_point + (users.empty() ? "" : ": in use by " + users),
                "End what uses it, or detach it with -l.");
  }
  if (!daemon) {
    report(options, mount_point, false);
    return kOk;
  }
  // The images go after the mount: a script that goes on at once expects them gone.
  auto const deadline = Deadline::after(std::chrono::seconds(options.wait_seconds));
  pollfd ended{daemon.get(), POLLIN, 0};
  while (::poll(&ended, 1, deadline.remaining_ms()) <= 0)
    if (deadline.passed())
      throw Error(ETIMEDOUT,
                  format("unmount {}: it is detached, and its daemon still runs after {} s", mount_point,
                         options.wait_seconds),
                  options.lazy ? "It ends once nobody uses the mount any more." : "Its log is in the store.");
  report(options, mount_point, true);
  return kOk;
}

}  // namespace

void add_umount(CLI::App& program, Action& action) {
  auto options = std::make_shared<UmountOptions>();
  auto* const command = program.add_subcommand("umount", "Unmount, and wait until the images are gone");
  command->add_option("mount_point", options->mount_point, "Where it is mounted")
      ->required()
      ->type_name("MNT");
  command->add_flag("-l,--lazy", options->lazy, "Detach it even while it is in use");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.umount/1");
  command->add_option("--wait", options->wait_seconds, "Seconds to wait for the daemon's end (default: 10)")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command->footer("Example:\n  templatefs umount /mnt/templates");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
