// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace templatefs::cli {

enum class Tone { good, doubtful, bad };

/// --color, and whether it means yes: what was given, else no where NO_COLOR is set and not empty, yes where
/// CLICOLOR_FORCE is set and neither empty nor 0, else where standard output is a terminal and TERM is not
/// "dumb". What is coloured always says it in words too.
struct ColorOption {
  std::string when = "auto";

  void add_to(CLI::App& command);
  bool wanted() const;
  /// The text in that colour, or as it is where none is wanted.
  std::string operator()(Tone tone, std::string_view text) const;
};

}  // namespace templatefs::cli
