// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/image_tree.h"
#include "cache/layout.h"
#include "cache/pins.h"
#include "fusefs/image_files.h"
#include "fusefs/lookup.h"
#include "fusefs/path_grammar.h"
#include "fusefs/pinning.h"
#include "fusefs/snapshots.h"

#include <optional>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::fusefs {

namespace {

std::vector<std::string> words_of(std::string const& path) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= path.size();) {
    auto const end = std::min(path.find('/', at), path.size());
    words.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

/// The node of an image's path; null where this mount has no such path. Under the table's mutex.
ImageNode* make_nodes(Filesystem const& fs, NodeTable& nodes, std::vector<std::string> const& words,
                      cache::Recipe const* recipe) {
  Node* node = nodes.find(FUSE_ROOT_ID);
  for (auto const& word : words) {
    Node* const child = find_or_make_child(fs, nodes, *node, word, recipe);
    if (child == nullptr) {
      nodes.release_if_unused(*node);
      return nullptr;
    }
    node = child;
  }
  if (node->kind == NodeKind::image) return static_cast<ImageNode*>(node);
  nodes.release_if_unused(*node);
  return nullptr;
}

bool can_be_shown(Filesystem& fs, std::string const& path) {
  auto const words = words_of(path);
  auto const* const recipe = fs.recipes.find(words[0]);
  return recipe != nullptr && fs.nodes.with([&](NodeTable& nodes) {
    auto* const image = make_nodes(fs, nodes, words, recipe);
    if (image != nullptr) nodes.release_if_unused(*image);
    return image != nullptr;
  });
}

void show(Filesystem& fs, std::string const& path) {
  auto const words = words_of(path);
  auto const* const recipe = fs.recipes.find(words[0]);
  Fd const file = open_at(fs.session.images_dir(), path, O_RDONLY | O_NOFOLLOW);
  struct stat st {};
  check(::fstat(file.get(), &st), "stat", path);
  auto const pin = cache::read_pin(file.get());
  auto const dir = std::make_shared<Fd>(
      open_at(fs.session.images_dir(), words[0] + "/" + words[1], O_RDONLY | O_DIRECTORY));
  bool const shown = recipe != nullptr && fs.nodes.with([&](NodeTable& nodes) {
    auto* const image = make_nodes(fs, nodes, words, recipe);
    if (image == nullptr) return false;
    image->uid = image->opener_uid = pin ? pin->uid : st.st_uid;
    image->gid = image->opener_gid = pin ? pin->gid : st.st_gid;
    image->charge = {nodes.holdings, image->uid};
    image->mode = pin ? pin->mode : 0600;
    image->pinned = pin.has_value();
    image->has_snapshots = has_snapshots(dir->get(), image->store_name());
    if (pin && !pin->made_from.empty()) image->made_from = nodes.intern(pin->made_from);
    if (auto* const set = image->set(); set != nullptr && !set->owned()) {
      set->uid = image->uid;
      set->gid = image->gid;
      set->mode = 0700;
    }
    auto& capacity = image->directory().capacity();
    if (!capacity.store_dir) capacity.store_dir = dir;
    image->appear(st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec);
    return true;
  });
  if (!shown) throw Error(ENOENT, "show " + path + ": this mount has no such recipe or capacity");
}

}  // namespace

void restore_images(Filesystem& fs, bool adopt) {
  int const store = fs.cache.store().dir();
  if (adopt) cache::adopt_pinned(store, fs.session, [&](auto const& path) { return can_be_shown(fs, path); });
  unsigned shown = 0;
  cache::for_each_image(store, cache::layout::session_images(fs.session.name()),
                        [&](std::string const& path, std::string const&) {
                          try {
                            show(fs, path);
                            ++shown;
                          } catch (Error const& error) {
                            spdlog::warn("an image stays hidden in the store: {}", error.sentence());
                          }
                        });
  if (shown > 0) spdlog::info("{} image{} of before, pinned or recovered", shown, shown == 1 ? "" : "s");
}

}  // namespace templatefs::fusefs
