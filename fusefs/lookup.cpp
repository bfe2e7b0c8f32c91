// SPDX-License-Identifier: Apache-2.0
#include "fusefs/lookup.h"

#include "fusefs/attributes.h"
#include "fusefs/control_tree.h"
#include "fusefs/path_grammar.h"

#include <memory>

namespace templatefs::fusefs {

namespace {

/// Makes the child that the grammar gives this name, or null.
std::unique_ptr<Node> make_child(Filesystem const& fs, Node& parent, std::string_view name) {
  switch (parent.kind) {
    case NodeKind::root:
      if (auto const* const recipe = fs.recipes.find(name))
        return std::make_unique<RecipeNode>(&parent, recipe);
      return make_control_child(parent, name);
    case NodeKind::recipe: {
      auto const capacity = parse_capacity_name(name, fs.options.largest);
      if (!capacity) return nullptr;
      if (capacity->canonical() != name)
        return std::make_unique<Node>(NodeKind::alias, &parent, std::string(name));
      return std::make_unique<CapacityNode>(
          &parent, cache::TemplateRequest{static_cast<RecipeNode&>(parent).recipe, *capacity});
    }
    case NodeKind::capacity:
      if (!id_of_image_name(name)) return nullptr;
      return std::make_unique<ImageNode>(&parent, std::string(name));
    default:
      return make_control_child(parent, name);
  }
}

}  // namespace

std::optional<fuse_entry_param> lookup_child(Filesystem& fs, fuse_ino_t parent_number, std::string_view name,
                                             fuse_ctx const& asker) {
  if (!control_child_exists(fs, parent_number, name)) return std::nullopt;
  fuse_ino_t const number = fs.nodes.with([&](NodeTable& nodes) -> fuse_ino_t {
    Node* const parent = nodes.find(parent_number);
    if (parent == nullptr) return 0;
    Node* child = nodes.find_child(*parent, name);
    if (child == nullptr) {
      auto made = make_child(fs, *parent, name);
      if (!made) return 0;
      child = &nodes.insert(std::move(made));
    }
    ++child->lookups;
    return child->number;
  });
  if (number == 0) return std::nullopt;
  try {
    auto const attributes = attributes_of(fs, number, asker);
    fuse_entry_param entry{};
    entry.ino = number;
    entry.attr = attributes->st;
    entry.attr_timeout = attributes->attr_timeout;
    entry.entry_timeout = attributes->entry_timeout;
    return entry;
  } catch (...) {
    fs.nodes.with([&](NodeTable& nodes) { nodes.forget(number, 1); });
    throw;
  }
}

}  // namespace templatefs::fusefs
