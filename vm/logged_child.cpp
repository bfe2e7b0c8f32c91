// SPDX-License-Identifier: Apache-2.0
#include "vm/logged_child.h"

#include "base/error.h"
#include "base/fd.h"
#include "vm/stop_event.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

/// Reads until the command closes its output, which a background child of it may do late: hence the deadline.
void copy_output(int pipe, std::string const& who, ConsoleLog& log, Deadline deadline,
                 std::stop_token const& stop, OutputFilter const& filter) {
  StopEvent const stop_event(stop);
  char buffer[4096];
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{pipe, POLLIN, 0}, {stop_event.fd(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), deadline.remaining_ms()) < 0 && errno != EINTR)
      throw_errno("wait for", who);
    if (stop.stop_requested()) throw Error(ECANCELED, who + " was stopped");
    if (deadline.passed()) throw Error(ETIMEDOUT, who + " did not finish in time", log.tail_for_people());
    if (fds[0].revents == 0) continue;
    auto const got = ::read(pipe, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    std::string_view const words(buffer, static_cast<std::size_t>(got));
    if (filter)
      log.append(filter(words));
    else
      log.append(words);
  }
}

}  // namespace

ExitStatus run_logged(std::vector<std::string> const& argv, std::map<int, int> descriptors,
                      std::string const& who, ConsoleLog& log, Deadline deadline, std::stop_token const& stop,
                      OutputFilter const& filter) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "make", "a pipe");
  Fd const reader(ends[0]);
  Fd writer(ends[1]);
  descriptors.emplace(1, writer.get());
  descriptors.emplace(2, writer.get());
  Child child = Child::spawn(argv, {std::move(descriptors), {"LC_ALL=C"}});
  writer.reset();
  copy_output(reader.get(), who, log, deadline, stop, filter);
  auto const status = child.wait(deadline);
  if (!status) throw Error(ETIMEDOUT, who + " did not finish in time", log.tail_for_people());
  return *status;
}

}  // namespace templatefs::vm
