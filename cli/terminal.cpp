// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include "base/error.h"

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

sigset_t terminal_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int const number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) ::sigaddset(&set, number);
  return set;
}

constexpr char kEscape = '\033';

}  // namespace

void block_terminal_signals() {
  auto const set = terminal_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Terminal::Terminal() {
  if (::isatty(STDOUT_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &before_) != 0)
    throw Error(
        ENOTTY, "show a live view on standard output",
        "It is for terminals; `templatefs status --json` and MNT/.templatefs/metrics are for programs.");
  auto const set = terminal_signals();
  signals_ = Fd(check(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "make", "a signalfd"));
  auto raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  check(::tcsetattr(STDIN_FILENO, TCSANOW, &raw), "set up", "the terminal");
  std::fputs("\033[?1049h\033[?25l\033[2J", stdout);  // the other screen, no cursor, nothing on it
}

Terminal::~Terminal() {
  std::fputs("\033[?25h\033[?1049l", stdout);
  std::fflush(stdout);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

bool Terminal::draw(std::vector<std::string> const& lines) {
  std::string text = "\033[H";
  bool first = true;
  for (auto const& line : lines) {
    text += (first ? "" : "\r\n") + line + "\033[K";
    first = false;
  }
  std::fputs((text + "\033[J").c_str(), stdout);
  return std::fflush(stdout) == 0;
}

TerminalSize Terminal::size() const {
  return terminal_size(STDOUT_FILENO);
}

Terminal::Event Terminal::wait(std::chrono::milliseconds most) {
  pollfd events[] = {{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  if (::poll(events, 2, static_cast<int>(most.count())) <= 0) return Event::nothing;
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGWINCH) return Event::resized;
    if (info.ssi_signo != SIGTSTP) return Event::quit;  // there is no shell's prompt on this screen
  }
  if (events[0].revents == 0) return Event::nothing;
  char keys[16];
  auto const count = ::read(STDIN_FILENO, keys, sizeof keys);
  if (count <= 0) return Event::quit;  // the terminal is gone
  // An arrow key begins with Escape as well, and goes on.
  bool const quits = keys[0] == 'q' || keys[0] == 'Q' || (keys[0] == kEscape && count == 1);
  return quits ? Event::quit : Event::nothing;
}

}  // namespace templatefs::cli
