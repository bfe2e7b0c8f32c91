// SPDX-License-Identifier: Apache-2.0
#include "fusefs/explain.h"

#include "base/log.h"
#include "fusefs/path_grammar.h"

#include <cerrno>

namespace templatefs::fusefs {

namespace {

/// What is wrong with the names below a capacity, if anything.
std::optional<Error> explain_names(std::string_view below) {
  auto const slash = below.find('/');
  if (slash == std::string_view::npos) {
    if (!id_of_image_name(below)) return no_image(below);
  } else if (!id_of_set_name(below.substr(0, slash))) {
    return no_set(below.substr(0, slash));
  } else if (!is_disk_of_set(below.substr(slash + 1))) {
    return no_disk_of_set(below.substr(slash + 1));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> explain_grammar(cache::RecipeBook const& recipes, Capacity largest,
                                     std::string const& path) {
  auto const kind = template_of_path(path);
  if (kind.size() == path.size() || kind.find('/') == kind.npos)
    return Error(ENOENT, format("\"{}\" is not of the form <recipe>/<capacity>/<id>.img", path),
                 "For example btrfs/256M/test-1.img.");
  auto const wrong_name = explain_names(std::string_view(path).substr(kind.size() + 1));
  try {
    auto const& recipe = cache::require_recipe(recipes, kind.substr(0, kind.find('/')));
    if (kind.substr(recipe.name.size() + 1) == cache::kAuto)
      return cache::has_auto(recipe) ? wrong_name : cache::no_auto(recipe);
    auto const request = cache::parse_request(recipes, kind);
    if (request.capacity && *request.capacity > largest) return above_largest(*request.capacity, largest);
    if (wrong_name) return wrong_name;
    cache::require_possible(request);
  } catch (Error const& error) {
    return error;
  }
  return std::nullopt;
}

std::string explain_path(Filesystem& fs, std::string const& path) {
  if (auto const record = fs.errors.find(path)) return to_line(*record);
  // Whoever went through a link that leads nowhere did not get as far as the image.
  std::string const kind(template_of_path(path));
  if (kind.ends_with(std::string("/") + cache::kAuto))
    if (auto const record = fs.errors.find(kind)) return to_line(*record);
  if (auto const error = explain_grammar(fs.recipes, fs.options.largest, path))
    return format("{}: {}: {}\n", path, errno_name(error->err()), error->sentence());
  return format("{}: no failed open is known\n", path);
}

}  // namespace templatefs::fusefs
