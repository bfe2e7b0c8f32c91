// SPDX-License-Identifier: Apache-2.0
#include "cli/sweep_watchdog.h"

#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/session.h"
#include "cli/daemonize.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

constexpr int kDismissalMs = 5000;

/// True where a dismissal came before the end.
bool is_dismissed(int line) {
  char word = 0;
  ssize_t got = 0;
  do got = ::read(line, &word, 1);
  while (got < 0 && errno == EINTR);
  return got > 0;
}

void leave_everything_but(int line) {
  ::setsid();
  ::prctl(PR_SET_NAME, "templatefs-swp");
  for (int const number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_IGN);
  [[maybe_unused]] int const ignored = ::chdir("/");
  leave_terminal();
  auto const number = static_cast<unsigned>(line);
  if (number > 3) ::close_range(3, number - 1, 0);
  ::close_range(number + 1, ~0U, 0);
}

[[noreturn]] void watch(Fd line, cache::Store::Options const& options) {
  try {
    leave_everything_but(line.get());
    if (!is_dismissed(line.get()))
      if (auto const store = cache::Store::open_existing(options)) cache::sweep(store->dir());
  } catch (...) {
    // The next start sweeps as well.
  }
  ::_exit(0);
}

}  // namespace

SweepWatchdog::SweepWatchdog(cache::Store::Options const& store) {
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "make a line to", "the watchdog");
  line_ = Fd(ends[0]);
  Fd its_end(ends[1]);
  pid_t const parent = check(::fork(), "fork", "the watchdog");
  if (parent == 0) {
    pid_t const watchdog = ::fork();
    if (watchdog != 0) ::_exit(watchdog < 0 ? 1 : 0);
    line_.reset();
    watch(std::move(its_end), store);
  }
  int const status = reap(parent);
  if (status != 0) throw Error(EAGAIN, "fork the watchdog");
}

void SweepWatchdog::dismiss() noexcept {
  if (!line_ || ::send(line_.get(), "d", 1, MSG_NOSIGNAL) != 1) return;
  pollfd gone{line_.get(), POLLIN, 0};
  ::poll(&gone, 1, kDismissalMs);
  line_.reset();
}

}  // namespace templatefs::cli
