// SPDX-License-Identifier: Apache-2.0
#include "cli/choices.h"

#include <CLI/CLI.hpp>

namespace templatefs::cli {

namespace {

/// CLI11 gives a validator's name back, and nothing else of it that we could read.
constexpr char kMark[] = "one of ";

}  // namespace

void one_of(CLI::Option& option, std::vector<std::string> const& values) {
  // No description: CLI11 would print it as a part of the value's name.
  option.check(CLI::IsMember(values).description("").name(kMark + CLI::detail::join(values, "|")));
}

std::vector<std::string> choices_of(CLI::Option& option) {
  std::string name;
  try {
    name = option.get_validator(0)->get_name();
  } catch (CLI::OptionNotFound const&) {
    return {};
  }
  if (name.rfind(kMark, 0) != 0) return {};
  return CLI::detail::split(name.substr(sizeof kMark - 1), '|');
}

}  // namespace templatefs::cli
