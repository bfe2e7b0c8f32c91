// SPDX-License-Identifier: Apache-2.0
#include "fusefs/lookup.h"

#include "fusefs/attributes.h"
#include "fusefs/control_tree.h"
#include "fusefs/path_grammar.h"

#include <memory>

namespace templatefs::fusefs {

namespace {

/// A recipe as it is now: stored ones come, change and go while we are mounted.
struct CurrentRecipe {
  bool matters = false;  // to the name that is looked up
  cache::Recipe const* recipe = nullptr;
};

/// Looks at the store where a stored recipe could be meant, outside the table's mutex.
CurrentRecipe current_recipe(Filesystem& fs, fuse_ino_t parent, std::string_view name) {
  std::string wanted;
  fs.nodes.with([&](NodeTable& nodes) {
    Node const* const above = nodes.find(parent);
    if (above == nullptr) return;
    if (above->kind == NodeKind::root)
      wanted = name;
    else if (is_of_stored_recipe(*above))
      wanted = recipe_of(*above)->name;
  });
  if (wanted.empty() || wanted == kControlDirectory) return {};
  return {true, fs.recipes.find(wanted)};
}

/// What is made below these nodes from now on is made from this recipe.
void refresh(Node& child, cache::Recipe const* recipe) {
  for (Node* node = &child; node != nullptr; node = node->parent) {
    if (node->kind == NodeKind::recipe) static_cast<RecipeNode*>(node)->recipe = recipe;
    if (node->kind == NodeKind::capacity) static_cast<CapacityNode*>(node)->request.recipe = recipe;
  }
}

/// The recipe is forgotten: its images stay usable, and all other names of it are gone.
bool outlives_its_recipe(NodeTable const& nodes, Node const& child) {
  if (child.kind == NodeKind::image) return child.kept();
  return child.is_directory() && nodes.has_images_below(child);
}

/// Makes the child that the grammar gives this name, or null.
std::unique_ptr<Node> make_child(Filesystem const& fs, Node& parent, std::string_view name,
                                 cache::Recipe const* recipe) {
  switch (parent.kind) {
    case NodeKind::root:
      if (recipe != nullptr) return std::make_unique<RecipeNode>(&parent, recipe);
      return make_control_child(parent, name);
    case NodeKind::recipe: {
      auto const* const of = static_cast<RecipeNode&>(parent).recipe;
      if (name == cache::kAuto)
        return cache::has_auto(*of) ? std::make_unique<Node>(NodeKind::auto_link, &parent, std::string(name))
                                    : nullptr;
      if (of->stored && name == cache::kNative)
        return std::make_unique<CapacityNode>(&parent, cache::TemplateRequest{of, std::nullopt});
      auto const capacity = parse_capacity_name(name, fs.options.largest);
      if (!capacity) return nullptr;
      if (capacity->canonical() != name)
        return std::make_unique<Node>(NodeKind::alias, &parent, std::string(name));
      return std::make_unique<CapacityNode>(&parent, cache::TemplateRequest{of, *capacity});
    }
    case NodeKind::capacity:
      if (id_of_set_name(name))
        return std::make_unique<SetNode>(static_cast<CapacityNode*>(&parent), std::string(name));
      if (!id_of_image_name(name)) return nullptr;
      return std::make_unique<ImageNode>(static_cast<CapacityNode*>(&parent), std::string(name));
    case NodeKind::set:
      if (static_cast<SetNode&>(parent).gone || !is_disk_of_set(name)) return nullptr;
      return std::make_unique<ImageNode>(static_cast<SetNode*>(&parent), std::string(name));
    default:
      return make_control_child(parent, name);
  }
}

}  // namespace

Node* find_or_make_child(Filesystem const& fs, NodeTable& nodes, Node& parent, std::string_view name,
                         cache::Recipe const* recipe) {
  if (Node* const there = nodes.find_child(parent, name)) return there;
  auto made = make_child(fs, parent, name, recipe);
  return made ? &nodes.insert(std::move(made)) : nullptr;
}

std::optional<fuse_entry_param> lookup_child(Filesystem& fs, fuse_ino_t parent_number, std::string_view name,
                                             fuse_ctx const& asker) {
  if (!control_child_exists(fs, parent_number, name)) return std::nullopt;
  auto const current = current_recipe(fs, parent_number, name);
  fuse_ino_t const number = fs.nodes.with([&](NodeTable& nodes) -> fuse_ino_t {
    Node* const parent = nodes.find(parent_number);
    if (parent == nullptr) return 0;
    Node* child = nodes.find_child(*parent, name);
    if (current.matters && current.recipe != nullptr)
      refresh(child != nullptr ? *child : *parent, current.recipe);
    if (current.matters && current.recipe == nullptr &&
        (child == nullptr || !outlives_its_recipe(nodes, *child)))
      return 0;
    if (child == nullptr) child = find_or_make_child(fs, nodes, *parent, name, current.recipe);
    if (child == nullptr) return 0;
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
