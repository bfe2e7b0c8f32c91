// SPDX-License-Identifier: Apache-2.0
#include "fusefs/path_grammar.h"

#include "base/log.h"

#include <algorithm>

namespace templatefs::fusefs {

namespace {

bool is_id_byte(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("._+@=:,#%~-").find(c) != std::string_view::npos;
}

}  // namespace

bool is_image_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestId && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), is_id_byte);
}

std::optional<std::string_view> id_of_image_name(std::string_view name) noexcept {
  if (!name.ends_with(kImageSuffix)) return std::nullopt;
  auto const id = name.substr(0, name.size() - kImageSuffix.size());
  if (!is_image_id(id)) return std::nullopt;
  return id;
}

std::optional<Capacity> parse_capacity_name(std::string_view name, Capacity largest) noexcept {
  auto const capacity = Capacity::parse(name);
  if (!capacity || *capacity > largest) return std::nullopt;
  return capacity;
}

std::string explain_image_name(std::string_view name) {
  if (!name.ends_with(kImageSuffix)) return "an image's name ends in .img";
  auto const id = name.substr(0, name.size() - kImageSuffix.size());
  if (id.empty()) return "the id before .img is empty";
  if (id.size() > kLongestId)
    return format("the id has {} bytes and may have {}; `templatefs path NAME` makes a valid one", id.size(),
                  kLongestId);
  if (id.front() == '.' || id.front() == '-') return format("an id does not start with '{}'", id.front());
  return "an id is made of A-Z a-z 0-9 and ._+@=:,#%~- only; `templatefs path NAME` makes one of any test "
         "name";
}

}  // namespace templatefs::fusefs
