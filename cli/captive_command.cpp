// SPDX-License-Identifier: Apache-2.0
#include "cli/captive_command.h"

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "cli/command.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

/// Blocked in us for as long as the command runs.
class HeldSignals {
 public:
  HeldSignals() {
    ::sigemptyset(&held_);
    for (int const number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) ::sigaddset(&held_, number);
    ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
    arrived_ = Fd(check(::signalfd(-1, &held_, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd", "for the command"));
  }
  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(HeldSignals const&) = delete;
  HeldSignals& operator=(HeldSignals const&) = delete;

  int descriptor() const noexcept { return arrived_.get(); }
  void let_go_in_child() const noexcept { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  void pass_on_to(Fd const& process) const noexcept {
    signalfd_siginfo info{};
    while (::read(arrived_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
      // The kernel's own, a terminal's keys and its hangup, go to the whole foreground.
      if (info.ssi_code <= 0) send_signal(process, static_cast<int>(info.ssi_signo));
  }

 private:
  sigset_t held_{};
  sigset_t before_{};
  Fd arrived_;
};

[[noreturn]] void fail_to_start(char const* what, int err, int status) {
  std::fprintf(stderr, "templatefs: run %s: %s\n", what, errno_words(err).c_str());
  ::_exit(status);
}

[[noreturn]] void become(std::vector<std::string> const& argv, MountNamespaceOf const& where,
                         HeldSignals const& signals, std::string const& directory) {
  if (int const err = where.enter(); err != 0) fail_to_start("in the mount's namespace", err, kRunFailed);
  // After the namespace: a change of credentials takes it back.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::chdir(directory.c_str()) != 0) fail_to_start(("in " + directory).c_str(), errno, kRunFailed);
  ::signal(SIGPIPE, SIG_DFL);
  signals.let_go_in_child();
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (auto const& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  fail_to_start(words[0], errno, errno == ENOENT ? kNoSuchCommand : kNotExecutable);
}

}  // namespace

int run_captive(std::vector<std::string> const& argv, MountNamespaceOf const& where) {
  auto const directory = std::filesystem::current_path().string();
  HeldSignals const signals;
  std::fflush(nullptr);
  pid_t const pid = check(::fork(), "fork", argv[0]);
  if (pid == 0) become(argv, where, signals, directory);
  Fd const process = open_pidfd(pid);
  if (!process) throw_errno("watch", argv[0]);
  for (;;) {
    pollfd events[] = {{process.get(), POLLIN, 0}, {signals.descriptor(), POLLIN, 0}};
    if (::poll(events, 2, -1) < 0 && errno != EINTR) throw_errno("wait for", argv[0]);
    if (events[1].revents != 0) signals.pass_on_to(process);
    if (events[0].revents != 0) break;
  }
  int const status = reap(pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kKilledBySignal + WTERMSIG(status);
}

}  // namespace templatefs::cli
