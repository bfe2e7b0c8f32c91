// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "base/fd.h"
#include "tests/support/temp_dir.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace templatefs::test {

/// Path of the program under test, from the build.
std::string program_path();

/// Runs `templatefs WORDS...` to its end (60 s at most).
CommandOutput run_program(std::vector<std::string> const& words);

/// A formatter of the test's own on PATH, in front of the real ones, for the host builder: a shell script
/// that may wait for the test and then runs the real formatter, or fails. Restores PATH at the end.
class FormatterStandIn {
 public:
  /// `name` is "mkfs.ext4"; `script` is the body of the build, after the version switch was answered by the
  /// real formatter. "$real" is the real formatter, "$@" its arguments.
  FormatterStandIn(std::string const& name, std::string const& script);
  ~FormatterStandIn();
  /// How often it was started to format (each start appends a line to a file of the stand-in's).
  int starts() const;
  /// A directory of its own for fifos and marks: "$dir" in the script.
  std::string const& dir() const noexcept { return dir_.path(); }

  /// The script that says "started" by making $dir/started and then waits until the test calls release().
  static std::string waiting_script();
  /// The line of it that waits.
  static std::string waiting_line();
  bool wait_until_started() const;
  void release() const;

 private:
  TempDir dir_;
  std::string old_path_;
  Fd gate_;
};

/// A daemon of the test's own: `templatefs mount -f OPTIONS MNT` as a child. Ends with SIGTERM in the
/// destructor, with SIGKILL and a lazy unmount if need be.
class Daemon {
 public:
  /// Returns once the mount answers; throws Error with the daemon's output otherwise. The mount point is a
  /// directory of the daemon's own unless one is given.
  explicit Daemon(std::string const& store, std::vector<std::string> const& options = {"--builder", "host"},
                  std::string const& mount_point = {});
  ~Daemon();
  Daemon(Daemon const&) = delete;
  Daemon& operator=(Daemon const&) = delete;

  std::string const& mount_point() const noexcept { return mount_point_; }
  std::string operator/(std::string const& name) const { return mount_point_ + "/" + name; }
  pid_t pid() const;
  /// What it printed and logged so far.
  std::string output() const;

  void signal(int number) const;
  /// Its exit status once it ends by itself within the limit.
  std::optional<ExitStatus> wait_for_end(std::chrono::milliseconds limit = std::chrono::seconds(15));
  /// SIGKILL; the dead mount stays unless `detach`.
  void kill(bool detach);

 private:
  TempDir dir_;
  std::string mount_point_;
  std::unique_ptr<Child> child_;
};

/// Runs `body(index)` in `count` processes started together, each with `body`'s result as exit status (0 to
/// 255). Returns the statuses, 128 + signal for the killed. Each gets at most `limit`, then SIGKILL.
std::vector<int> run_in_processes(unsigned count, std::function<int(unsigned)> const& body,
                                  std::chrono::milliseconds limit = std::chrono::seconds(60));

/// A forked process that runs `body` and exits with its result; killed and reaped by the destructor. For
/// openers that must be interrupted. `uid` other than 0 is switched to first.
class Client {
 public:
  explicit Client(std::function<int()> const& body, uid_t uid = 0);
  ~Client();
  Client(Client&& other) noexcept;
  pid_t pid() const noexcept { return pid_; }
  /// Nothing after its end.
  void signal(int number) const;
  /// Exit status, 128 + signal if killed; -1 if it still runs at the limit. Once, where it has ended.
  int wait(std::chrono::milliseconds limit = std::chrono::seconds(30));

 private:
  pid_t pid_;
  Fd process_;
};

}  // namespace templatefs::test
