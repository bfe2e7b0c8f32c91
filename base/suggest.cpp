// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include "base/log.h"

#include <algorithm>
#include <numeric>

namespace templatefs {

namespace {

/// Insertions, deletions and substitutions between two words, as Levenshtein counts them.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      auto const substituted = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(std::string_view word, std::vector<std::string> const& known) {
  auto const nearest = std::min_element(known.begin(), known.end(), [&](auto const& left, auto const& right) {
    return distance(word, left) < distance(word, right);
  });
  // Half of a short word changed is another word.
  if (nearest == known.end() || distance(word, *nearest) > std::min<std::size_t>(2, word.size() / 2))
    return {};
  return format("Did you mean \"{}\"?", *nearest);
}

}  // namespace templatefs
