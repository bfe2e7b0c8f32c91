// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/unprivileged_daemon.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/program.h"
#include "tests/support/wait_until.h"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::test {

using namespace std::chrono_literals;

namespace {

using May = UnprivilegedDaemon::May;

std::vector<std::string> as_user(std::vector<std::string> const& command, May may = May::nothing) {
  std::string const id = std::to_string(UnprivilegedDaemon::kUser);
  std::vector<std::string> argv{"setpriv", "--reuid", id, "--regid", id, "--clear-groups"};
  if (may == May::mount)
    for (auto const* const set : {"--inh-caps", "--ambient-caps", "--bounding-set"})
      argv.insert(argv.end(), {set, "-all,+sys_admin"});
  argv.emplace_back("--");
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

}  // namespace

UnprivilegedDaemon::UnprivilegedDaemon(std::string const& store, std::vector<std::string> const& options,
                                       May may)
    : mount_point_(dir_ / "mnt"), program_(dir_ / "templatefs") {
  check(::mkdir(mount_point_.c_str(), 0755), "make", mount_point_);
  check(::chown(mount_point_.c_str(), kUser, kUser), "give away", mount_point_);
  // The user may not be able to reach the build directory.
  std::filesystem::copy_file(program_path(), program_);
  std::vector<std::string> command{program_, "mount", "-f", "--store", store};
  command.insert(command.end(), options.begin(), options.end());
  command.push_back(mount_point_);
  Fd const log = open_at(AT_FDCWD, dir_ / "output", O_WRONLY | O_CREAT | O_APPEND, 0644);
  child_ = std::make_unique<Child>(
      Child::spawn(as_user(command, may), {{{1, log.get()}, {2, log.get()}}, {"HOME=/nonexistent"}}));
  wait_until([&] {
    return output().find("mounted " + mount_point_ + " (pid") != std::string::npos ||
           child_->wait(Deadline::after(0s)).has_value();
  });
  if (child_->wait(Deadline::after(0s))) throw Error(EIO, "start a daemon: " + output());
}

UnprivilegedDaemon::~UnprivilegedDaemon() {
  signal(SIGTERM);
  (void)child_->wait(Deadline::after(15s));
  child_.reset();
  ::umount2(mount_point_.c_str(), MNT_DETACH);
}

std::string UnprivilegedDaemon::output() const {
  return read_file(AT_FDCWD, dir_ / "output");
}

void UnprivilegedDaemon::signal(int number) const {
  child_->signal(number);
}

std::optional<ExitStatus> UnprivilegedDaemon::wait_for_end() {
  return child_->wait(Deadline::after(15s));
}

CommandOutput UnprivilegedDaemon::run_as_user(std::vector<std::string> const& command) {
  return run_command(as_user(command), Deadline::after(30s));
}

}  // namespace templatefs::test
