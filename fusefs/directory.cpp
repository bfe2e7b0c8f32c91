// SPDX-License-Identifier: Apache-2.0
#include "fusefs/directory.h"

#include "cache/listing.h"
#include "fusefs/control_tree.h"

#include <algorithm>
#include <set>

#include <sys/stat.h>

namespace templatefs::fusefs {

namespace {

/// Cookies 1 and 2 are "." and "..", node numbers start above them: a capacity's or a set's entries are found
/// again by number, whatever came or went meanwhile.
constexpr off_t kAfterDots = 2;

struct Names {
  NodeKind kind = NodeKind::root;
  cache::Recipe const* recipe = nullptr;
  std::set<std::int64_t> live_mib;     // capacities with images, in a recipe's directory
  std::set<std::string> in_use;        // stored recipes with images, in the root: some may be forgotten
  std::vector<DirectoryEntry> listed;  // of a directory of images
  bool holds_images = false;
};

Names look(Filesystem& fs, fuse_ino_t directory, off_t from, std::size_t most) {
  Names names;
  fs.nodes.with([&](NodeTable& nodes) {
    Node* const node = nodes.find(directory);
    if (node == nullptr) return;
    names.kind = node->kind;
    if (node->kind == NodeKind::recipe) {
      names.recipe = static_cast<RecipeNode*>(node)->recipe;
      nodes.for_each([&](Node const& child) {
        if (child.kind == NodeKind::capacity && child.parent == node &&
            !static_cast<CapacityNode const&>(child).listed.empty())
          if (auto const& capacity = static_cast<CapacityNode const&>(child).request.capacity)
            names.live_mib.insert(capacity->mib());
      });
    } else if (node->holds_images()) {
      names.holds_images = true;
      auto& listed = static_cast<ImageDirectoryNode*>(node)->listed;
      auto at = listed.begin();
      if (from > kAfterDots) at = listed.upper_bound(static_cast<fuse_ino_t>(from));
      for (; at != listed.end() && names.listed.size() < most; ++at) {
        mode_t const type = at->is_directory() ? S_IFDIR : S_IFREG;
        names.listed.push_back({at->name, type, at->number, static_cast<off_t>(at->number)});
      }
    } else if (node->kind == NodeKind::root) {
      nodes.for_each([&](Node const& child) {
        if (child.kind == NodeKind::recipe && is_of_stored_recipe(child) && nodes.has_images_below(child))
          names.in_use.insert(child.name);
      });
    }
  });
  return names;
}

}  // namespace

std::vector<DirectoryEntry> list_directory(Filesystem& fs, fuse_ino_t directory, off_t from,
                                           std::size_t most) {
  std::vector<DirectoryEntry> entries;
  if (from < 1) entries.push_back({".", S_IFDIR, directory, 1});
  if (from < kAfterDots) entries.push_back({"..", S_IFDIR, FUSE_ROOT_ID, kAfterDots});

  auto names = look(fs, directory, from, most);
  if (names.holds_images) {
    std::move(names.listed.begin(), names.listed.end(), std::back_inserter(entries));
    return entries;
  }

  std::vector<std::pair<std::string, mode_t>> all;
  switch (names.kind) {
    case NodeKind::root:
      for (auto const* const recipe : fs.recipes.all()) {
        all.emplace_back(recipe->name, S_IFDIR);
        names.in_use.erase(recipe->name);
      }
      for (auto const& name : names.in_use) all.emplace_back(name, S_IFDIR);
      break;
    case NodeKind::recipe: {
      auto sizes = std::move(names.live_mib);
      if (names.recipe->stored)
        all.emplace_back(cache::kNative, S_IFDIR);
      else
        for (auto const mib : cache::published_capacities(fs.cache.store().dir(), names.recipe->name))
          if (mib <= fs.options.largest.mib()) sizes.insert(mib);
      for (auto const mib : sizes) all.emplace_back(Capacity::of_mib(mib).canonical(), S_IFDIR);
      break;
    }
    default:
      for (auto& name : list_control(fs, directory)) {
        bool const is_file = names.kind == NodeKind::cache_entry || (name != "why" && name != "cache");
        bool const is_entry = names.kind == NodeKind::cache;
        all.emplace_back(std::move(name), is_file && !is_entry ? S_IFREG : S_IFDIR);
      }
      break;
  }
  for (std::size_t index = from > kAfterDots ? static_cast<std::size_t>(from - kAfterDots) : 0;
       index < all.size() && entries.size() < most; ++index)
    entries.push_back({all[index].first, all[index].second, 0, kAfterDots + 1 + static_cast<off_t>(index)});
  return entries;
}

}  // namespace templatefs::fusefs
