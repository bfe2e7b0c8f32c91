// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.h"
#include "base/fd.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace templatefs {

/// How a process ended.
struct ExitStatus {
  bool exited = false;  // else killed by `code` as a signal number
  int code = 0;
  bool success() const noexcept { return exited && code == 0; }
  std::string describe() const;  // "exit status 1", "signal 9 (Killed)"
};

/// Readable once the process, a child or not, has ended; for poll. Empty with errno set where there is none.
Fd open_pidfd(pid_t pid) noexcept;
/// To that process and never to another that got its number since; nothing where it has ended.
void send_signal(Fd const& pidfd, int number) noexcept;
/// Waits for the end of a child; its status as of waitpid(2).
int reap(pid_t pid) noexcept;

/// A child process in a process group of its own, which dies with the thread that made it (PR_SET_PDEATHSIG).
/// The destructor kills the whole group and reaps. One thread at a time.
class Child {
 public:
  struct Options {
    /// Descriptors the child gets: number in the child -> ours. All others are close-on-exec. 0 defaults to
    /// /dev/null, 1 and 2 to ours.
    std::map<int, int> descriptors;
    /// Added to or replacing the environment ("NAME=value").
    std::vector<std::string> environment;
  };

  /// Runs argv[0] (a path, or a name on PATH) without a shell. Throws Error with the errno of a failed exec.
  static Child spawn(std::vector<std::string> const& argv, Options const& options);
  static Child spawn(std::vector<std::string> const& argv) { return spawn(argv, Options()); }

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  /// Readable once the process has ended (pidfd_open(2)); for poll.
  int pidfd() const noexcept { return pidfd_.get(); }
  pid_t pid() const noexcept { return pid_; }
  /// Empty while it still runs at the deadline. Later calls repeat the answer.
  std::optional<ExitStatus> wait(Deadline deadline);
  /// To the process alone. Harmless after the end.
  void signal(int number) const noexcept { send_signal(pidfd_, number); }
  /// SIGKILL to the process group. Harmless after the end.
  void kill() noexcept;

 private:
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_ = -1;
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

/// What a short command printed, stdout and stderr in one.
struct CommandOutput {
  std::string text;
  ExitStatus status;
};
/// Runs a command to its end, at most `limit` bytes of output kept. Throws Error(ETIMEDOUT) past the
/// deadline.
CommandOutput run_command(std::vector<std::string> const& argv, Deadline deadline,
                          std::size_t limit = 1 << 20);

/// The first non-empty regular file called `name` on PATH, canonical; empty string if none (mode bits are not
/// looked at, as the shell would only find out on exec). A name with a slash is taken as it is.
std::string find_on_path(std::string const& name);

}  // namespace templatefs
