// SPDX-License-Identifier: Apache-2.0
#include "fusefs/path_grammar.h"

#include "base/log.h"

#include <algorithm>
#include <cerrno>

namespace templatefs::fusefs {

namespace {

bool is_id_byte(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("._+@=:,#%~-").find(c) != std::string_view::npos;
}

std::optional<std::string_view> id_before(std::string_view suffix, std::string_view name) noexcept {
  if (!name.ends_with(suffix)) return std::nullopt;
  auto const id = name.substr(0, name.size() - suffix.size());
  return is_image_id(id) ? std::optional(id) : std::nullopt;
}

/// What is wrong with an id that is_image_id() refuses.
std::string explain_id(std::string_view id) {
  if (id.empty()) return "The id is empty.";
  if (id.size() > kLongestId)
    return format("The id has {} bytes and may have {}; `templatefs path NAME` makes a valid one.", id.size(),
                  kLongestId);
  if (id.front() == '.' || id.front() == '-') return format("An id does not start with '{}'.", id.front());
  return "An id is made of A-Z a-z 0-9 and ._+@=:,#%~- only; `templatefs path NAME` makes one of any test "
         "name.";
}

}  // namespace

bool is_image_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestId && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), is_id_byte);
}

std::optional<std::string_view> id_of_image_name(std::string_view name) noexcept {
  return id_before(kImageSuffix, name);
}

std::optional<std::string_view> id_of_set_name(std::string_view name) noexcept {
  return id_before(kSetSuffix, name);
}

bool is_disk_of_set(std::string_view name) noexcept {
  return std::find(kDisksOfSet.begin(), kDisksOfSet.end(), name) != kDisksOfSet.end();
}

std::optional<Capacity> parse_capacity_name(std::string_view name, Capacity largest) noexcept {
  auto const capacity = Capacity::parse(name);
  if (!capacity || *capacity > largest) return std::nullopt;
  return capacity;
}

std::string_view template_of_path(std::string_view path) noexcept {
  auto const slash = path.find('/');
  return slash == std::string_view::npos ? path : path.substr(0, path.find('/', slash + 1));
}

Error no_image(std::string_view name) {
  return Error(ENOENT, format("\"{}\" is no image's name", name),
               name.ends_with(kImageSuffix) ? explain_id(name.substr(0, name.size() - kImageSuffix.size()))
                                            : "An image is called <id>.img, a set of disks <id>.d.");
}

Error no_set(std::string_view name) {
  return Error(ENOENT, format("\"{}\" is no directory of a set of disks", name),
               name.ends_with(kSetSuffix) ? explain_id(name.substr(0, name.size() - kSetSuffix.size()))
                                          : "Such a directory is called <id>.d.");
}

Error no_disk_of_set(std::string_view name) {
  return Error(ENOENT, format("\"{}\" is no disk of a set", name),
               "There are TEST.img, SCRATCH.img and POOL0.img to POOL7.img.");
}

Error above_largest(Capacity capacity, Capacity largest) {
  return Error(ENOENT, format("{} is more than this mount's largest capacity, {}", capacity.canonical(),
                              largest.canonical()));
}

}  // namespace templatefs::fusefs
