// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

// Text for people that fits a terminal of 80 columns.
namespace templatefs::cli {

/// "  label        text", the text broken between words and aligned below itself; a word that is longer than
/// a line stands whole, so that it can be copied.
std::string labelled(std::string_view label, std::string_view text, std::size_t label_width = 11);

/// "0.4 s", "2 min 5 s", "3 h 12 min", "41 d 3 h".
std::string elapsed_text(std::chrono::milliseconds elapsed);

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
/// Of the terminal at a descriptor; 80x24 where it does not tell.
TerminalSize terminal_size(int fd);

/// Cut to so many columns, with ">" where something is missing. Counts bytes that begin a character.
std::string cut_to(std::string_view text, std::size_t columns);
/// The same with "<", for paths: their end says more than their beginning.
std::string cut_front_to(std::string_view text, std::size_t columns);

}  // namespace templatefs::cli
