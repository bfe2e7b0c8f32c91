// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "cache/late_names.h"
#include "cache/recipe.h"
#include "fusefs/libfuse.h"
#include "fusefs/open_image.h"
#include "fusefs/quota.h"

#include <cstdint>
#include <functional>
#include <map>
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
  auto_link,     // MNT/rootfs/auto, a symbolic link to what suits the recipe
  set,           // MNT/btrfs/256M/t1.d
  image,         // MNT/btrfs/256M/t1.img, MNT/btrfs/256M/t1.d/TEST.img
  control,       // MNT/.templatefs
  control_file,  // status.json, metrics, errors below it
  why,           // why/ and the levels of directories below it
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
  bool holds_images() const noexcept { return kind == NodeKind::capacity || kind == NodeKind::set; }
  bool is_directory() const noexcept {
    return kind == NodeKind::root || kind == NodeKind::recipe || holds_images() ||
           kind == NodeKind::control || kind == NodeKind::why || kind == NodeKind::cache ||
           kind == NodeKind::cache_entry;
  }
};

struct RecipeNode : Node {
  RecipeNode(Node* root, cache::Recipe const* of) : Node(NodeKind::recipe, root, of->name), recipe(of) {}
  cache::Recipe const* recipe;
};

using ListedHook = bi::set_base_hook<bi::tag<struct Listed>, bi::link_mode<bi::safe_link>>;

/// What a directory of images lists while there is something to it.
struct ListedNode : Node, ListedHook {
  using Node::Node;
};

struct NodeNumberOf {
  using type = fuse_ino_t;
  fuse_ino_t operator()(Node const& node) const { return node.number; }
};
using Listing = bi::set<ListedNode, bi::base_hook<ListedHook>, bi::key_of_value<NodeNumberOf>>;

struct CapacityNode;

/// A capacity or a set.
struct ImageDirectoryNode : ListedNode {
  using ListedNode::ListedNode;
  ~ImageDirectoryNode() override { listed.clear(); }

  Listing listed;               // images that exist, sets that have one; in the order of their numbers
  std::uint32_t making = 0;     // images in it that are being made for the first time
  std::int64_t changed_ns = 0;  // mtime: the last one made, removed or renamed

  CapacityNode& capacity() noexcept;
  CapacityNode const& capacity() const noexcept;
  /// A first one puts a set into its capacity's listing, and a last one takes it out.
  void list(ListedNode& node, std::int64_t now_ns);
  void unlist(ListedNode& node, std::int64_t now_ns);

  bool kept() const override { return !listed.empty(); }
};

struct CapacityNode : ImageDirectoryNode {
  CapacityNode(Node* recipe_dir, cache::TemplateRequest what)
      : ImageDirectoryNode(NodeKind::capacity, recipe_dir, what.size_name()), request(what) {}

  cache::TemplateRequest request;
  std::shared_ptr<Fd> store_dir;  // images/<recipe>/<capacity> in the session, made with the first image
};

/// One test's disks. While it has one, or its first is being made, it belongs to whoever began with that;
/// before and afterwards it is a name like an image that nobody opened.
struct SetNode : ImageDirectoryNode {
  SetNode(CapacityNode* in, std::string called) : ImageDirectoryNode(NodeKind::set, in, std::move(called)) {}

  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;       // permission bits
  bool emptied = false;  // its last image was unlinked: rm -r has yet to remove the directory
  bool gone = false;     // removed, or about to be: nothing new is made in it

  bool owned() const noexcept { return making > 0 || !listed.empty(); }
};

/// Values of extended attributes by their names: security_labels.h.
using SecurityLabels = std::map<std::string, std::string, std::less<>>;

/// An image: existing in the store or only a name, idle or open, at rest or on its way to being open.
///
///   name only --begin()--> busy --finish()--> exists and open --last release--> exists, idle
///        ^                   |                                                      |
///        +--- fail() --------+          idle --begin()--> busy --finish()--> open again
struct ImageNode : ListedNode {
  ImageNode(ImageDirectoryNode* in, std::string called)
      : ListedNode(NodeKind::image, in, std::move(called)) {}

  uid_t uid =
      0;  // who opened it first; set when the first opener begins, so that a second one cannot steal it
  gid_t gid = 0;
  mode_t mode = 0;       // permission bits
  uid_t opener_uid = 0;  // who opened it first, whoever it was given to since
  gid_t opener_gid = 0;
  bool exists = false;                     // in the store, under its name: listed
  bool gone = false;                       // unlinked, or replaced by a rename
  bool busy = false;                       // somebody is making or opening it
  bool pinned = false;                     // it outlives the mount
  bool has_snapshots = false;              // or had: there is a directory for them
  std::uint32_t opens = 0;                 // holders of `open`
  std::uint32_t writers = 0;               // those of them that the kernel may write through
  std::string const* made_from = nullptr;  // the template's key, the table's; null where it was made empty
  std::shared_ptr<OpenImage> open;         // null while idle
  std::vector<std::uint64_t> waiters;      // parked requests' ids, while busy
  cache::LateName late;                    // where its file is until it gets its name in the store
  Holdings::Charge charge;                 // from the first opener's begin to the end of its name
  std::unique_ptr<SecurityLabels> security_labels;  // null while there are none

  bool kept() const override { return exists || busy || opens > 0; }
  bool claimed() const noexcept { return exists || busy || gone; }

  ImageDirectoryNode& directory() const noexcept { return static_cast<ImageDirectoryNode&>(*parent); }
  /// The set it is in, or null.
  SetNode* set() const noexcept {
    return parent->kind == NodeKind::set ? static_cast<SetNode*>(parent) : nullptr;
  }
  /// Where its file is below its capacity's directory in the store: no descriptor is kept for a set.
  std::string store_name() const { return set() == nullptr ? name : parent->name + "/" + name; }
  /// It has a file under its name from now on, or no longer.
  void appear(std::int64_t now_ns);
  void disappear(std::int64_t now_ns);
  /// Nobody makes or opens it any more. Returns the parked requests' ids.
  std::vector<std::uint64_t> end_busy() noexcept;
  /// The same where it was not made: its name is as new.
  std::vector<std::uint64_t> give_up() noexcept;
};

/// The recipe that a directory below the root belongs to; null for all other nodes but images in it.
inline cache::Recipe const* recipe_of(Node const& node) noexcept {
  if (node.kind == NodeKind::recipe) return static_cast<RecipeNode const&>(node).recipe;
  if (node.holds_images()) return static_cast<ImageDirectoryNode const&>(node).capacity().request.recipe;
  return nullptr;
}

/// Such a directory may be gone, or another one, by the next look: the store is shared.
inline bool is_of_stored_recipe(Node const& node) noexcept {
  auto const* const recipe = recipe_of(node);
  return recipe != nullptr && recipe->stored.has_value();
}

}  // namespace templatefs::fusefs
