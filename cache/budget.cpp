// SPDX-License-Identifier: Apache-2.0
#include "cache/budget.h"

#include "base/capacity.h"
#include "cache/key.h"

#include <algorithm>
#include <charconv>

namespace templatefs::cache {

bool Budget::keeps(std::string_view key) const {
  auto const parts = parse_key_name(key);
  if (!parts) return false;
  auto const sized = parts->recipe + "/" + Capacity::of_mib(parts->mib).canonical();
  return std::any_of(keep.begin(), keep.end(),
                     [&](auto const& each) { return each == parts->recipe || each == sized; });
}

std::optional<std::chrono::seconds> parse_age(std::string_view text) noexcept {
  if (text.size() < 2 || text.size() > 6 || text.front() < '1' || text.front() > '9') return std::nullopt;
  int number = 0;
  char const* const end = text.data() + text.size() - 1;
  auto const [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  switch (text.back()) {
    case 'h':
      return std::chrono::hours(number);
    case 'd':
      return std::chrono::hours(24) * number;
    case 'w':
      return std::chrono::hours(24 * 7) * number;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> parse_keep(std::string_view text) {
  auto const slash = text.find('/');
  std::string const recipe(text.substr(0, slash));
  if (!is_recipe_name(recipe)) return std::nullopt;
  if (slash == std::string_view::npos) return recipe;
  auto const capacity = Capacity::parse(text.substr(slash + 1));
  if (!capacity) return std::nullopt;
  return recipe + "/" + capacity->canonical();
}

}  // namespace templatefs::cache
