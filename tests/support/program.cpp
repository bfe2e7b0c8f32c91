// SPDX-License-Identifier: Apache-2.0
#include "tests/support/program.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace templatefs::test {

using namespace std::chrono_literals;

std::string program_path() {
  return TEMPLATEFS_PROGRAM;
}

CommandOutput run_program(std::vector<std::string> const& words) {
  std::vector<std::string> argv{program_path()};
  argv.insert(argv.end(), words.begin(), words.end());
  return run_command(argv, Deadline::after(60s));
}

FormatterStandIn::FormatterStandIn(std::string const& name, std::string const& script) {
  std::string const real = find_on_path(name);
  char const* const path = std::getenv("PATH");
  old_path_ = path != nullptr ? path : "";
  std::string const file = dir_ / name;
  std::string const text =
      "#!/bin/sh\nreal=" + real + "\ndir=" + dir_.path() +
      "\ncase \"$1\" in -V|--version) exec \"$real\" \"$@\" ;; esac\necho start >> $dir/starts\n" + script +
      "\n";
  replace_file(AT_FDCWD, file, text, 0755, false);
  check(::chmod(file.c_str(), 0755), "set the mode of", file);
  check(::mkfifo((dir_ / "gate").c_str(), 0644), "make", "the gate");
  // Open for both, and for as long as we live: a script opens it at once and waits for its line.
  gate_ = open_at(AT_FDCWD, dir_ / "gate", O_RDWR);
  ::setenv("PATH", (dir_.path() + ":" + old_path_).c_str(), 1);
}

FormatterStandIn::~FormatterStandIn() {
  ::setenv("PATH", old_path_.c_str(), 1);
}

int FormatterStandIn::starts() const {
  Fd const there = open_at_if_exists(AT_FDCWD, dir_ / "starts", O_RDONLY);
  if (!there) return 0;
  std::string const text = read_file(AT_FDCWD, dir_ / "starts");
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

std::string FormatterStandIn::waiting_line() {
  // Both are the shell's own doing: no child of it that a look at the processes could find.
  return "[ -e $dir/open ] || read -r go < $dir/gate || :\n";
}

std::string FormatterStandIn::waiting_script() {
  return ": > $dir/started\n" + waiting_line() + "exec \"$real\" \"$@\"";
}

bool FormatterStandIn::wait_until_started() const {
  return wait_until([&] { return ::access((dir_ / "started").c_str(), F_OK) == 0; });
}

void FormatterStandIn::release() const {
  replace_file(AT_FDCWD, dir_ / "open", "", 0644, false);
  std::string const lines(1000, '\n');  // one for each that waits
  check(static_cast<int>(::write(gate_.get(), lines.data(), lines.size())), "open", "the gate");
}

Daemon::Daemon(std::string const& store, std::vector<std::string> const& options,
               std::string const& mount_point)
    : mount_point_(mount_point.empty() ? dir_ / "mnt" : mount_point) {
  std::vector<std::string> argv{program_path(), "mount", "-f", "--store", store};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(mount_point_);
  Fd const log = open_at(AT_FDCWD, dir_ / "output", O_WRONLY | O_CREAT | O_APPEND, 0644);
  child_ = std::make_unique<Child>(Child::spawn(argv, {{{1, log.get()}, {2, log.get()}}, {}}));
  wait_until([&] {
    return output().find("mounted " + mount_point_ + " (pid") != std::string::npos ||
           child_->wait(Deadline::after(0s)).has_value();
  });
  if (child_->wait(Deadline::after(0s)).has_value()) throw Error(EIO, "start a daemon: " + output());
}

Daemon::~Daemon() {
  if (!child_) return;
  if (!child_->wait(Deadline::after(0s))) {
    signal(SIGTERM);
    if (!child_->wait(Deadline::after(15s)))
      std::fprintf(stderr, "daemon had to be killed: %s\n", output().c_str());
  }
  child_.reset();
  ::umount2(mount_point_.c_str(), MNT_DETACH);
}

pid_t Daemon::pid() const {
  return child_->pid();
}

std::string Daemon::output() const {
  return read_file(AT_FDCWD, dir_ / "output");
}

void Daemon::signal(int number) const {
  child_->signal(number);
}

std::optional<ExitStatus> Daemon::wait_for_end(std::chrono::milliseconds limit) {
  return child_->wait(Deadline::after(limit));
}

void Daemon::kill(bool detach) {
  signal(SIGKILL);
  child_->wait(Deadline::after(15s));
  if (detach) ::umount2(mount_point_.c_str(), MNT_DETACH);
}

std::vector<int> run_in_processes(unsigned count, std::function<int(unsigned)> const& body,
                                  std::chrono::milliseconds limit) {
  int gate[2];
  check(::pipe2(gate, O_CLOEXEC), "make a pipe for", "clients");
  Fd const gate_read(gate[0]);
  Fd gate_write(gate[1]);
  std::vector<Client> clients;
  clients.reserve(count);
  for (unsigned index = 0; index < count; ++index)
    clients.emplace_back([&, index] {
      gate_write.reset();
      char byte = 0;
      [[maybe_unused]] auto const opened = ::read(gate_read.get(), &byte, 1);  // returns when all may start
      return body(index);
    });
  gate_write.reset();
  auto const deadline = Deadline::after(limit);
  std::vector<int> statuses;
  statuses.reserve(count);
  for (auto& client : clients)
    statuses.push_back(client.wait(std::chrono::milliseconds(deadline.remaining_ms())));
  return statuses;
}

Client::Client(std::function<int()> const& body, uid_t uid) : pid_(check(::fork(), "fork", "a client")) {
  if (pid_ != 0) {
    process_ = open_pidfd(pid_);
    return;
  }
  int status = 99;
  try {
    if (uid != 0) {
      check(::setgroups(0, nullptr), "drop", "groups");
      check(::setresgid(uid, uid, uid), "set", "gid");
      check(::setresuid(uid, uid, uid), "set", "uid");
    }
    status = body();
  } catch (...) {
    status = 98;
  }
  ::_exit(status);
}

Client::Client(Client&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), process_(std::move(other.process_)) {}

Client::~Client() {
  if (pid_ <= 0) return;
  signal(SIGKILL);
  reap(pid_);
}

void Client::signal(int number) const {
  send_signal(process_, number);
}

int Client::wait(std::chrono::milliseconds limit) {
  pollfd ended{process_.get(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(limit.count())) <= 0) return -1;
  int const status = reap(std::exchange(pid_, -1));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace templatefs::test
