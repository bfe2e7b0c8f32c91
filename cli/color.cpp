// SPDX-License-Identifier: Apache-2.0
#include "cli/color.h"

#include "base/log.h"
#include "cli/choices.h"

#include <cstdlib>

#include <CLI/CLI.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

std::string_view variable(char const* name) {
  char const* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

char const* code_of(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "32";
    case Tone::doubtful:
      return "33";
    case Tone::bad:
      break;
  }
  return "1;31";
}

}  // namespace

void ColorOption::add_to(CLI::App& command) {
  one_of(
      *command.add_option("--color", when, "auto (on a terminal, unless $NO_COLOR is set), always or never")
           ->type_name("WHEN"),
      {"auto", "always", "never"});
}

bool ColorOption::wanted() const {
  if (when != "auto") return when == "always";
  if (!variable("NO_COLOR").empty()) return false;
  if (auto const forced = variable("CLICOLOR_FORCE"); !forced.empty() && forced != "0") return true;
  auto const terminal = variable("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && !terminal.empty() && terminal != "dumb";
}

std::string ColorOption::operator()(Tone tone, std::string_view text) const {
  return wanted() ? format("\033[{}m{}\033[0m", code_of(tone), text) : std::string(text);
}

}  // namespace templatefs::cli
