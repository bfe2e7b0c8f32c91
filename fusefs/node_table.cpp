// SPDX-License-Identifier: Apache-2.0
#include "fusefs/node_table.h"

#include <functional>

namespace templatefs::fusefs {

namespace {

constexpr std::size_t kFirstBuckets = 256;
/// Numbers below this are left to the root and to readdir's cookies for "." and "..".
constexpr fuse_ino_t kFirstNumber = 16;

std::size_t mix(std::size_t value) noexcept {
  // Buckets are the low bits: spread consecutive numbers and aligned pointers (Fibonacci hashing).
  value *= 0x9E3779B97F4A7C15u;
  return value ^ (value >> 32);
}

}  // namespace

std::size_t NodeTable::HashNumber::operator()(fuse_ino_t number) const {
  return mix(number);
}

std::size_t NodeTable::HashName::operator()(NameKey const& key) const {
  return mix(std::hash<std::string_view>()(key.name) ^ mix(reinterpret_cast<std::size_t>(key.parent)));
}

template <class Set>
NodeTable::Indexed<Set>::Indexed()
    : buckets(kFirstBuckets), set(typename Set::bucket_traits(buckets.data(), buckets.size())) {}

template <class Set>
void NodeTable::Indexed<Set>::grow_if_full() {
  if (set.size() < buckets.size()) return;
  std::vector<typename Set::bucket_type> larger(buckets.size() * 2);
  set.rehash(typename Set::bucket_traits(larger.data(), larger.size()));
  buckets.swap(larger);
}

NodeTable::NodeTable() {
  adopt(std::make_unique<Node>(NodeKind::root, nullptr, ""));
}

NodeTable::~NodeTable() {
  names_.set.clear();
  // Listings let go of their nodes first, whatever the order of destruction.
  std::vector<Node*> all;
  for (auto& node : numbers_.set) all.push_back(&node);
  for (Node* const node : all)
    if (node->holds_images()) static_cast<ImageDirectoryNode*>(node)->listed.clear();
  numbers_.set.clear_and_dispose([](Node* node) { delete node; });
}

void NodeTable::adopt(std::unique_ptr<Node> node) {
  numbers_.grow_if_full();
  names_.grow_if_full();
  node->number = next_number_;
  next_number_ = std::max(next_number_ + 1, kFirstNumber);
  Node* const raw = node.release();
  numbers_.set.insert(*raw);
  names_.set.insert(*raw);
  if (raw->parent != nullptr) ++raw->parent->children;
  ++count_;
}

Node* NodeTable::find(fuse_ino_t number) noexcept {
  auto const at = numbers_.set.find(number);
  return at == numbers_.set.end() ? nullptr : &*at;
}

Node* NodeTable::find_child(Node const& parent, std::string_view name) noexcept {
  auto const at = names_.set.find(NameKey{&parent, name});
  return at == names_.set.end() ? nullptr : &*at;
}

void NodeTable::unname(Node& node) noexcept {
  if (static_cast<ByNameHook&>(node).is_linked()) names_.set.erase(names_.set.iterator_to(node));
}

void NodeTable::drop(ImageNode& image, std::int64_t now_ns) noexcept {
  image.disappear(now_ns);
  unname(image);
  release_if_unused(image);
}

void NodeTable::rename(Node& node, std::string name) {
  unname(node);
  node.name = std::move(name);
  names_.set.insert(node);
}

void NodeTable::forget(fuse_ino_t number, std::uint64_t count) noexcept {
  Node* const node = find(number);
  if (node == nullptr) return;
  node->lookups -= std::min(node->lookups, count);
  release_if_unused(*node);
}

void NodeTable::release_if_unused(Node& first) noexcept {
  for (Node* node = &first; node->parent != nullptr;) {
    if (node->lookups > 0 || node->children > 0 || node->kept()) return;
    Node* const parent = node->parent;
    unname(*node);
    numbers_.set.erase_and_dispose(numbers_.set.iterator_to(*node), [](Node* dead) { delete dead; });
    --count_;
    --parent->children;
    node = parent;
  }
}

bool NodeTable::has_images_below(Node const& directory) const {
  for (auto const& node : numbers_.set) {
    if (node.kind != NodeKind::image || !static_cast<ImageNode const&>(node).exists) continue;
    for (Node const* above = node.parent; above != nullptr; above = above->parent)
      if (above == &directory) return true;
  }
  return false;
}

std::string NodeTable::path(Node const& node) {
  if (node.parent == nullptr) return {};
  std::string const above = path(*node.parent);
  return above.empty() ? node.name : above + "/" + node.name;
}

}  // namespace templatefs::fusefs
