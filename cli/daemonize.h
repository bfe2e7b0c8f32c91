// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <variant>

#include <sys/types.h>

namespace templatefs::cli {

/// What a daemon does: tells by the function it is given that it is ready, with a text for whoever started
/// it, and returns its exit status at its end.
using Serve = std::function<int(std::function<void(std::string const&)> const& ready)>;

/// Points the standard streams at /dev/null; what they still hold is not flushed. Throws Error.
void leave_terminal();

/// A daemon that got ready: a child process of ours, in a session of its own.
struct StartedDaemon {
  pid_t pid = -1;
  std::string words;
};

/// Runs `serve` in a daemon. Returns once it is ready, or once it failed, with its exit status (never 0) and
/// its reason on the terminal. Must be called before the process has a second thread.
std::variant<StartedDaemon, int> start_daemon(Serve const& serve);

/// The same for a caller that leaves it alone: prints its text, returns an exit status.
int daemonize(Serve const& serve);

}  // namespace templatefs::cli
