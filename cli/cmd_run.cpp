// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mount_namespace.h"
#include "cli/captive_command.h"
#include "cli/command.h"
#include "cli/daemonize.h"
#include "cli/serve.h"
#include "cli/sweep_watchdog.h"
#include "fusefs/mount_obstacle.h"
#include "fusefs/mount_point.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <CLI/CLI.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;

constexpr char kVariable[] = "TEMPLATEFS_MNT";

struct RunOptions {
  std::string mount_point;
  std::vector<std::string> command;
  ServeOptions serve;
};

/// The same place for every run: each sees its own mount there, and nothing is left to remove.
std::string usual_mount_point(std::string const& store) {
  if (::geteuid() == 0) return "/run/templatefs";
  char const* const runtime = std::getenv("XDG_RUNTIME_DIR");
  return runtime != nullptr && runtime[0] == '/' ? std::string(runtime) + "/templatefs" : store + "/mnt";
}

/// The daemon of one run; ended with the object, seconds at most.
class PrivateDaemon {
 public:
  explicit PrivateDaemon(pid_t pid) : pid_(pid), process_(open_pidfd(pid)) {}
  PrivateDaemon(PrivateDaemon const&) = delete;
  PrivateDaemon& operator=(PrivateDaemon const&) = delete;
  ~PrivateDaemon() {
    if (pid_ > 0) (void)end();
  }

  /// False where it did not end in order: it was killed, or had to be.
  bool end() noexcept {
    send_signal(process_, SIGTERM);
    pollfd ended{process_.get(), POLLIN, 0};
    auto const deadline = Deadline::after(15s);
    while (::poll(&ended, 1, deadline.remaining_ms()) <= 0)
      if (deadline.passed()) {
        send_signal(process_, SIGKILL);
        break;
      }
    int const status = reap(std::exchange(pid_, -1));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  pid_t pid_;
  Fd process_;
};

/// In the daemon: a mount namespace, and an end with the process that started it.
std::shared_ptr<void> move_out(pid_t parent, std::string const& mount_point) {
  auto own = std::make_shared<MountNamespace>();
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) throw Error(ECANCELED, "serve a run: it has ended already");
  std::filesystem::create_directories(std::filesystem::path(mount_point).parent_path());
  (void)fusefs::prepare_mount_point(mount_point);
  return own;
}

int run(RunOptions options) {
  auto const config = options.serve.settle();
  auto const mount_point = options.mount_point.empty()
                               ? usual_mount_point(options.serve.store.path)
                               : std::filesystem::absolute(options.mount_point).string();
  fusefs::require_mountable(true);
  SweepWatchdog watchdog(options.serve.store.resolve());
  auto const outcome = start_daemon([&, parent = ::getpid()](auto const& ready) {
    return serve(options.serve, config, mount_point, {[&] { return move_out(parent, mount_point); }, ready});
  });
  auto const* const started = std::get_if<StartedDaemon>(&outcome);
  if (started == nullptr) return kRunFailed;
  PrivateDaemon daemon(started->pid);
  ::setenv(kVariable, mount_point.c_str(), 1);
  int const status = run_captive(options.command, MountNamespaceOf(started->pid));
  if (daemon.end())
    watchdog.dismiss();
  else
    std::fprintf(stderr, "templatefs: the daemon of this run did not end in order; its log: %s\n",
                 options.serve.log_place(config).c_str());
  return status;
}

}  // namespace

void add_run(CLI::App& program, Action& action) {
  auto options = std::make_shared<RunOptions>();
  auto* const command =
      program.add_subcommand("run", "Run a command beside a private mount, and unmount after it");
  command
      ->add_option("command", options->command,
                   "What to run, after --; it finds the mount in $TEMPLATEFS_MNT")
      ->required()
      ->type_name("CMD");
  command->add_option("--mount-point", options->mount_point, "Where the command sees it; nobody else does")
      ->type_name("DIR");
  options->serve.add_to(*command);
  command->footer("Example:\n  templatefs run -- sh -c 'cp $TEMPLATEFS_MNT/ext4/64M/t1.img /tmp'");
  command->callback([options, &action] {
    action = [options] {
      try {
        return run(*options);
      } catch (...) {
        std::fprintf(stderr, "templatefs: %s\n", to_error(std::current_exception()).sentence().c_str());
        return int{kRunFailed};
      }
    };
  });
}

}  // namespace templatefs::cli
