// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "cache/recipe.h"
#include "fusefs/libfuse.h"
#include "fusefs/open_image.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/intrusive/set.hpp>
#include <boost/intrusive/unordered_set.hpp>

#include <sys/types.h>

namespace templatefs::fusefs {

namespace bi = boost::intrusive;

enum class NodeKind : std::uint8_t {
  root,
  recipe,        // MNT/btrfs
  capacity,      // MNT/btrfs/256M, MNT/debian-13/native
  alias,         // MNT/btrfs/1024M, a symbolic link to 1G
  image,         // MNT/btrfs/256M/t1.img
  control,       // MNT/.templatefs
  control_file,  // status.json, metrics, errors below it
  why,           // why/ and its two levels of directories
  why_file,      // why/btrfs/256M/t1.img
  cache,         // cache/
  cache_entry,   // cache/<key>/
  cache_file,    // cache/<key>/manifest.json
};

using ByNumberHook = bi::unordered_set_base_hook<bi::tag<struct ByNumber>, bi::link_mode<bi::safe_link>>;
using ByNameHook = bi::unordered_set_base_hook<bi::tag<struct ByName>, bi::link_mode<bi::safe_link>>;

/// An inode as the kernel knows it. All fields are guarded by the node table's mutex.
struct Node : ByNumberHook, ByNameHook {
  Node(NodeKind kind_of_node, Node* in, std::string called)
      : kind(kind_of_node), parent(in), name(std::move(called)) {}
  virtual ~Node() = default;
  Node(Node const&) = delete;
  Node& operator=(Node const&) = delete;

  NodeKind const kind;
  fuse_ino_t number = 0;  // never reused in a mount's life
  Node* parent;           // null for the root; a node holds its parent in the table
  std::string name;
  std::uint64_t lookups = 0;   // the kernel's references (fuse_lowlevel.h, forget)
  std::uint32_t children = 0;  // nodes in the table whose parent this is

  /// Whether something besides the kernel keeps it: an image that exists, a build under way.
  virtual bool kept() const { return false; }
  bool is_directory() const noexcept {
    return kind == NodeKind::root || kind == NodeKind::recipe || kind == NodeKind::capacity ||
           kind == NodeKind::control || kind == NodeKind::why || kind == NodeKind::cache ||
           kind == NodeKind::cache_entry;
  }
};

struct RecipeNode : Node {
  RecipeNode(Node* root, cache::Recipe const* of) : Node(NodeKind::recipe, root, of->name), recipe(of) {}
  cache::Recipe const* recipe;
};

using ListedHook = bi::set_base_hook<bi::tag<struct Listed>, bi::link_mode<bi::safe_link>>;

/// An image: existing in the store or only a name, idle or open, at rest or on its way to being open.
///
///   name only --begin()--> busy --finish()--> exists and open --last release--> exists, idle
///        ^                   |                                                      |
///        +--- fail() --------+          idle --begin()--> busy --finish()--> open again
struct ImageNode : Node, ListedHook {
  ImageNode(Node* capacity_dir, std::string called)
      : Node(NodeKind::image, capacity_dir, std::move(called)) {}

  uid_t uid =
      0;  // who opened it first; set when the first opener begins, so that a second one cannot steal it
  gid_t gid = 0;
  mode_t mode = 0;                         // permission bits
  bool exists = false;                     // in the store, under its name: listed
  bool gone = false;                       // unlinked, or replaced by a rename
  bool busy = false;                       // somebody is making or opening it
  std::uint32_t opens = 0;                 // holders of `open`
  std::uint32_t writers = 0;               // those of them that the kernel may write through
  std::string const* made_from = nullptr;  // the template's key, the table's; null where it was made empty
  std::shared_ptr<OpenImage> open;         // null while idle
  std::vector<std::uint64_t> waiters;      // parked requests' ids, while busy

  bool kept() const override { return exists || busy || opens > 0; }
  bool claimed() const noexcept { return exists || busy || gone; }
};

struct NodeNumberOf {
  using type = fuse_ino_t;
  fuse_ino_t operator()(Node const& node) const { return node.number; }
};
using ImageList = bi::set<ImageNode, bi::base_hook<ListedHook>, bi::key_of_value<NodeNumberOf>>;

struct CapacityNode : Node {
  CapacityNode(Node* recipe_dir, cache::TemplateRequest what)
      : Node(NodeKind::capacity, recipe_dir, what.size_name()), request(what) {}
  ~CapacityNode() override { images.clear(); }

  cache::TemplateRequest request;
  std::shared_ptr<Fd> store_dir;  // images/<recipe>/<capacity> in the session, made with the first image
  ImageList images;               // those that exist, in the order of their numbers
  std::int64_t changed_ns = 0;    // mtime: the last image made, removed or renamed

  bool kept() const override { return !images.empty(); }
};

/// The recipe that a directory below the root belongs to; null for all other nodes but images in it.
inline cache::Recipe const* recipe_of(Node const& node) noexcept {
  if (node.kind == NodeKind::recipe) return static_cast<RecipeNode const&>(node).recipe;
  if (node.kind == NodeKind::capacity) return static_cast<CapacityNode const&>(node).request.recipe;
  return nullptr;
}

/// Such a directory may be gone, or another one, by the next look: the store is shared.
inline bool is_of_stored_recipe(Node const& node) noexcept {
  auto const* const recipe = recipe_of(node);
  return recipe != nullptr && recipe->stored.has_value();
}

}  // namespace templatefs::fusefs
