// SPDX-License-Identifier: Apache-2.0
#include "tests/support/on_terminal.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/wait_until.h"

#include <chrono>
#include <cstdlib>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace templatefs::test {

using namespace std::chrono_literals;

OnTerminal::OnTerminal(std::vector<std::string> const& argv, unsigned short columns,
                       std::vector<std::string> const& environment)
    : master_(check(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), "open", "a terminal")) {
  check(::grantpt(master_.get()), "grant", "a terminal");
  check(::unlockpt(master_.get()), "unlock", "a terminal");
  slave_ = open_at(AT_FDCWD, ::ptsname(master_.get()), O_RDWR | O_NOCTTY);
  winsize const size{24, columns, 0, 0};
  check(::ioctl(slave_.get(), TIOCSWINSZ, &size), "size", "a terminal");
  int const fd = slave_.get();
  child_.emplace(
      Child::spawn(argv, {.descriptors = {{0, fd}, {1, fd}, {2, fd}}, .environment = environment}));
}

std::string const& OnTerminal::text() {
  char bytes[4096];
  for (;;) {
    auto const count = ::read(master_.get(), bytes, sizeof bytes);
    if (count <= 0) return text_;
    text_.append(bytes, static_cast<std::size_t>(count));
  }
}

bool OnTerminal::shows(std::string const& words) {
  return wait_until([&] { return text().find(words) != std::string::npos; });
}

void OnTerminal::type(std::string const& keys) {
  write_all(master_.get(), keys, "the terminal");
}

std::optional<ExitStatus> OnTerminal::end() {
  return child_->wait(Deadline::after(15s));
}

bool OnTerminal::echoes() const {
  termios state{};
  check(::tcgetattr(slave_.get(), &state), "look at", "a terminal");
  return (state.c_lflag & ECHO) != 0 && (state.c_lflag & ICANON) != 0;
}

}  // namespace templatefs::test
