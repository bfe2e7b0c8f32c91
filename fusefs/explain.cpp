// SPDX-License-Identifier: Apache-2.0
#include "fusefs/explain.h"

#include "base/log.h"
#include "fusefs/path_grammar.h"

#include <cerrno>

namespace templatefs::fusefs {

std::optional<Error> explain_grammar(cache::RecipeBook const& recipes, Capacity largest,
                                     std::string const& path) {
  auto const last = path.rfind('/');
  auto const first = path.find('/');
  if (first == std::string::npos || first == last || path.find('/', first + 1) != last)
    return Error(ENOENT, format("\"{}\" is not of the form <recipe>/<capacity>/<id>.img", path),
                 "For example btrfs/256M/test-1.img.");
  try {
    auto const request = cache::parse_request(recipes, path.substr(0, last));
    if (request.capacity && *request.capacity > largest)
      return Error(ENOENT, format("{} is more than this mount's largest capacity, {}", request.size_name(),
                                  largest.canonical()));
    auto const name = path.substr(last + 1);
    if (!id_of_image_name(name))
      return Error(ENOENT, format("\"{}\" is no image's name", name), explain_image_name(name));
    cache::require_possible(request);
  } catch (Error const& error) {
    return error;
  }
  return std::nullopt;
}

std::string explain_path(Filesystem& fs, std::string const& path) {
  if (auto const record = fs.errors.find(path)) return to_line(*record);
  if (auto const error = explain_grammar(fs.recipes, fs.options.largest, path))
    return format("{}: {}: {}\n", path, errno_name(error->err()), error->sentence());
  return format("{}: no failed open is known\n", path);
}

}  // namespace templatefs::fusefs
