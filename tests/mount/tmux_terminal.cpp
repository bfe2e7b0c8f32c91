// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/tmux_terminal.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::test {

using namespace std::chrono_literals;

TmuxTerminal::TmuxTerminal(unsigned columns, unsigned rows)
    : server_(Child::spawn({"tmux", "-S", dir_ / "socket", "-f", "/dev/null", "-D"})) {
  // A client that finds no server says so by its exit status.
  auto const options =
      std::vector<std::string>{"tmux", "-N", "-S", dir_ / "socket", "set-option", "-g", "status", "off"};
  if (!wait_until([&] { return run_command(options, Deadline::after(10s)).status.success(); }))
    throw Error(ETIMEDOUT, "start tmux");
  tmux({"new-session", "-d", "-x", std::to_string(columns), "-y", std::to_string(rows), "-c", dir_.path(),
        "env PS1='ready> ' sh"});
  if (!shows("ready>")) throw Error(ETIMEDOUT, "start a shell in tmux: " + text());
}

TmuxTerminal::~TmuxTerminal() {
  // The shell and what it runs lose their terminal, and end.
  server_.signal(SIGTERM);
  (void)server_.wait(Deadline::after(5s));
}

void TmuxTerminal::run(std::string const& command) {
  replace_file(AT_FDCWD, dir_ / "r", command + "\n", 0600, false);
  type("clear; . ./r\r");
}

void TmuxTerminal::type(std::string const& keys) const {
  tmux({"send-keys", "-l", keys});
}

void TmuxTerminal::resize(unsigned columns, unsigned rows) const {
  tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
}

std::vector<std::string> TmuxTerminal::lines() const {
  std::vector<std::string> out;
  std::istringstream all(text());
  for (std::string line; std::getline(all, line);) out.push_back(line);
  return out;
}

std::string TmuxTerminal::text() const {
  return tmux({"capture-pane", "-p"});
}

std::string TmuxTerminal::line_with(std::string const& words) const {
  for (auto const& line : lines())
    if (line.find(words) != std::string::npos) return line;
  return {};
}

bool TmuxTerminal::shows(std::string const& words) const {
  return wait_until([&] { return text().find(words) != std::string::npos; });
}

bool TmuxTerminal::shows_no(std::string const& words) const {
  return wait_until([&] { return text().find(words) == std::string::npos; });
}

bool TmuxTerminal::wraps() const {
  auto const joined = tmux({"capture-pane", "-p", "-J"});
  auto const as_shown = lines().size();
  return static_cast<std::size_t>(std::count(joined.begin(), joined.end(), '\n')) != as_shown;
}

bool TmuxTerminal::has_alternate_screen() const {
  return fact("alternate_on") == "1";
}

bool TmuxTerminal::has_cursor() const {
  return fact("cursor_flag") == "1";
}

std::string TmuxTerminal::tmux(std::vector<std::string> words) const {
  words.insert(words.begin(), {"tmux", "-N", "-S", dir_ / "socket"});
  auto const output = run_command(words, Deadline::after(20s));
  if (!output.status.success()) throw Error(EIO, "tmux " + words[4] + ": " + output.text);
  return output.text;
}

std::string TmuxTerminal::fact(std::string const& name) const {
  auto const answer = tmux({"display-message", "-p", "#{" + name + "}"});
  return answer.substr(0, answer.find('\n'));
}

}  // namespace templatefs::test
