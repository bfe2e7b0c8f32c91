// SPDX-License-Identifier: Apache-2.0
#include "cli/stop_on_signal.h"

#include "base/error.h"

#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

namespace templatefs::cli {

StopOnSignal::StopOnSignal() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int const number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
  signals_ = Fd(check(::signalfd(-1, &set, SFD_CLOEXEC), "make", "a signalfd"));
  over_ = Fd(check(::eventfd(0, EFD_CLOEXEC), "make", "an eventfd"));
  waiter_ = std::thread([this] { wait_for_signal(); });
}

StopOnSignal::~StopOnSignal() {
  ::eventfd_write(over_.get(), 1);
  waiter_.join();
}

void StopOnSignal::wait_for_signal() {
  pollfd events[] = {{signals_.get(), POLLIN, 0}, {over_.get(), POLLIN, 0}};
  while (::poll(events, 2, -1) < 0 && errno == EINTR) {
  }
  if (events[0].revents != 0) stop_.request_stop();
}

}  // namespace templatefs::cli
