// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/node.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::fusefs {

/// All nodes, by number and by (parent, name). Owns them. Not thread-safe by itself: reached through Guarded.
///
/// A node lives while the kernel refers to it (lookups), something needs it (kept()), or children hang on it.
/// So memory is bounded by the names that live; a refused name never gets here.
class NodeTable {
 public:
  NodeTable();
  ~NodeTable();
  NodeTable(NodeTable const&) = delete;
  NodeTable& operator=(NodeTable const&) = delete;

  /// Null for a number the kernel should not know.
  Node* find(fuse_ino_t number) noexcept;
  Node* find_child(Node const& parent, std::string_view name) noexcept;
  /// Gives it the next number. The name must be free.
  template <class T>
  T& insert(std::unique_ptr<T> node) {
    T& inserted = *node;
    adopt(std::move(node));
    return inserted;
  }
  /// Takes a node out of its directory: its name is free, the node lives on for those who have it.
  void unname(Node& node) noexcept;
  /// The same for an image whose file is gone or will be: only those who have it open keep it.
  void drop(ImageNode& image, std::int64_t now_ns) noexcept;
  /// Puts a node under another name in the same directory. The name must be free.
  void rename(Node& node, std::string name);
  /// The kernel dropped `count` references.
  void forget(fuse_ino_t number, std::uint64_t count) noexcept;
  /// Frees the node, and then its ancestors, where nothing needs them any more.
  void release_if_unused(Node& node) noexcept;

  /// One copy of a template's key for all the images made from it. Kept for the table's life.
  std::string const* intern(std::string const& key) { return &*keys_.insert(key).first; }

  /// "btrfs/256M/t1.img"; the root is "".
  static std::string path(Node const& node);
  /// Looks at every node: for rare questions.
  bool has_images_below(Node const& directory) const;
  std::size_t size() const noexcept { return count_; }
  template <class F>
  void for_each(F&& visit) const {
    for (auto const& node : numbers_.set) visit(node);
  }

  Holdings holdings;  // before the nodes, which charge it

 private:
  struct NameKey {
    Node const* parent;
    std::string_view name;
  };
  struct NumberOf {
    using type = fuse_ino_t;
    fuse_ino_t operator()(Node const& node) const { return node.number; }
  };
  struct NameOf {
    using type = NameKey;
    NameKey operator()(Node const& node) const { return {node.parent, node.name}; }
  };
  struct HashNumber {
    std::size_t operator()(fuse_ino_t number) const;
  };
  struct HashName {
    std::size_t operator()(NameKey const& key) const;
  };
  struct SameName {
    bool operator()(NameKey const& a, NameKey const& b) const {
      return a.parent == b.parent && a.name == b.name;
    }
  };
  using Numbers = bi::unordered_set<Node, bi::base_hook<ByNumberHook>, bi::key_of_value<NumberOf>,
                                    bi::hash<HashNumber>, bi::power_2_buckets<true>>;
  using Names = bi::unordered_set<Node, bi::base_hook<ByNameHook>, bi::key_of_value<NameOf>,
                                  bi::hash<HashName>, bi::equal<SameName>, bi::power_2_buckets<true>>;
  template <class Set>
  struct Indexed {
    std::vector<typename Set::bucket_type> buckets;
    Set set;
    Indexed();
    void grow_if_full();
  };

  void adopt(std::unique_ptr<Node> node);

  Indexed<Numbers> numbers_;
  Indexed<Names> names_;
  std::set<std::string> keys_;
  fuse_ino_t next_number_ = FUSE_ROOT_ID;
  std::size_t count_ = 0;
};

}  // namespace templatefs::fusefs
