// SPDX-License-Identifier: Apache-2.0
#include "fusefs/test_id.h"

#include "base/digest.h"
#include "base/error.h"
#include "fusefs/path_grammar.h"

#include <cerrno>

namespace templatefs::fusefs {

namespace {

constexpr std::size_t kKept = 83;  // bytes at each end: 83 + '~' + 32 + '~' + 83 = 200

bool stands_for_itself(char c, bool first) noexcept {
  if (c == '#' || c == '%' || c == '~') return false;
  if (first && (c == '.' || c == '-')) return false;
  return is_image_id(std::string{'x', c});
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string test_id(std::string_view name) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  if (name.empty()) throw Error(EINVAL, "make an id of an empty name", "Give the test's name.");
  std::string id;
  for (char const c : name) {
    if (c == '/') {
      id += '#';
    } else if (stands_for_itself(c, id.empty())) {
      id += c;
    } else {
      auto const byte = static_cast<unsigned char>(c);
      id += '%';
      id += kDigits[byte >> 4];
      id += kDigits[byte & 15];
    }
  }
  if (id.size() <= kLongestId) return id;
  return id.substr(0, kKept) + "~" + sha256(name).substr(0, 32) + "~" + id.substr(id.size() - kKept);
}

std::optional<std::string> test_name(std::string_view id) {
  if (!is_image_id(id) || id.find('~') != std::string_view::npos) return std::nullopt;
  std::string name;
  for (std::size_t at = 0; at < id.size(); ++at) {
    if (id[at] == '#') {
      name += '/';
    } else if (id[at] != '%') {
      name += id[at];
    } else {
      if (at + 2 >= id.size()) return std::nullopt;
      int const high = hex_digit(id[at + 1]);
      int const low = hex_digit(id[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      name += static_cast<char>(high * 16 + low);
      at += 2;
    }
  }
  if (name.empty() || test_id(name) != id) return std::nullopt;
  return name;
}

}  // namespace templatefs::fusefs
