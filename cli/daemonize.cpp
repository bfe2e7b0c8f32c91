// SPDX-License-Identifier: Apache-2.0
#include "cli/daemonize.h"

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace templatefs::cli {

void leave_terminal() {
  Fd const null = open_at(AT_FDCWD, "/dev/null", O_RDWR);
  for (int const standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    check(::dup2(null.get(), standard), "redirect", "a standard stream");
}

namespace {

[[noreturn]] void run_daemon(Serve const& serve, Fd pipe) {
  int status = 1;
  try {
    ::setsid();
    check(::chdir("/"), "change to", "/");
    status = serve([&](std::string const& words) {
      std::fflush(nullptr);
      leave_terminal();
      write_all(pipe.get(), words, "the starting process");
      pipe.reset();
    });
  } catch (...) {
    auto const error = to_error(std::current_exception());
    // Still on the terminal if it never got ready; in the log otherwise.
    if (pipe)
      std::fprintf(stderr, "templatefs: %s\n", error.sentence().c_str());
    else
      spdlog::error("{}", error.sentence());
  }
  std::fflush(nullptr);
  std::exit(status);
}

}  // namespace

std::variant<StartedDaemon, int> start_daemon(Serve const& serve) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "make a pipe for", "the daemon");
  Fd const reader(ends[0]);
  Fd writer(ends[1]);
  pid_t const pid = check(::fork(), "fork", "the daemon");
  if (pid == 0) run_daemon(serve, std::move(writer));
  writer.reset();

  std::string words;
  char buffer[1024];
  for (;;) {
    auto const got = ::read(reader.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    words.append(buffer, static_cast<std::size_t>(got));
  }
  if (!words.empty()) return StartedDaemon{pid, std::move(words)};
  int const status = reap(pid);
  if (WIFEXITED(status)) return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
  throw Error(EIO, "start the daemon: it was killed by signal " + std::to_string(WTERMSIG(status)));
}

int daemonize(Serve const& serve) {
  auto const outcome = start_daemon(serve);
  if (auto const* const failed = std::get_if<int>(&outcome)) return *failed;
  std::fputs(std::get<StartedDaemon>(outcome).words.c_str(), stdout);
  return 0;
}

}  // namespace templatefs::cli
