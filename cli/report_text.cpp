// SPDX-License-Identifier: Apache-2.0
#include "cli/report_text.h"

#include "base/log.h"

#include <algorithm>

#include <sys/ioctl.h>

namespace templatefs::cli {

namespace {

constexpr std::size_t kColumns = 80;

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

}  // namespace

std::string labelled(std::string_view label, std::string_view text, std::size_t label_width) {
  std::string const indent(label_width + 4, ' ');
  std::string out;
  std::string line = "  " + std::string(label);
  // A label that is too long has a line of its own.
  if (label.size() > label_width) {
    out = line + "\n";
    line.clear();
  }
  line.resize(indent.size(), ' ');
  bool first = true;
  for (std::size_t at = 0; at < text.size();) {
    auto const end = std::min(text.find_first_of(" \t\n", at), text.size());
    auto const word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!first && line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = indent;
      first = true;
    }
    if (!first) line += ' ';
    line += word;
    first = false;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return out + line + "\n";
}

std::string elapsed_text(std::chrono::milliseconds elapsed) {
  auto const ms = elapsed.count();
  auto const s = ms / 1000;
  if (s < 60) return format("{}.{} s", s, ms % 1000 / 100);
  if (s < 3600) return format("{} min {} s", s / 60, s % 60);
  if (s < 86400) return format("{} h {} min", s / 3600, s % 3600 / 60);
  return format("{} d {} h", s / 86400, s % 86400 / 3600);
}

TerminalSize terminal_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

std::string cut_to(std::string_view text, std::size_t columns) {
  std::size_t count = 0;
  std::size_t last = 0;  // where the character in the last column begins
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!begins_character(text[at])) continue;
    if (++count == columns) last = at;
    if (count > columns) return columns == 0 ? "" : std::string(text.substr(0, last)) + ">";
  }
  return std::string(text);
}

std::string cut_front_to(std::string_view text, std::size_t columns) {
  std::size_t count = 0;
  std::size_t first = text.size();  // where the character in the second column begins
  for (std::size_t at = text.size(); at-- > 0;) {
    if (!begins_character(text[at])) continue;
    if (++count < columns) first = at;
    if (count > columns) return columns == 0 ? "" : "<" + std::string(text.substr(first));
  }
  return std::string(text);
}

}  // namespace templatefs::cli
