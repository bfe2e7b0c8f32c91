// SPDX-License-Identifier: Apache-2.0
#include "fusefs/control_tree.h"

#include "base/files.h"
#include "cache/key.h"
#include "cache/layout.h"
#include "fusefs/explain.h"
#include "fusefs/metrics.h"
#include "fusefs/path_grammar.h"
#include "fusefs/status.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::fusefs {

namespace {

namespace layout = cache::layout;

constexpr std::string_view kStatus = "status.json";
constexpr std::string_view kMetrics = "metrics";
constexpr std::string_view kErrors = "errors";
constexpr std::string_view kWhy = "why";
constexpr std::string_view kCache = "cache";
constexpr std::size_t kWhyPrefix = std::string_view(".templatefs/why/").size();

/// How many levels of why/ lie above this node: why/ itself 0, why/btrfs 1, why/btrfs/256M 2, a set below
/// it 3.
int why_depth(Node const& node) {
  int depth = 0;
  for (Node const* at = &node; at->parent->kind == NodeKind::why; at = at->parent) ++depth;
  return depth;
}

bool is_cache_file(std::string_view name) {
  return name == layout::kImage || name == layout::kManifest || name == layout::kBuildLog;
}

}  // namespace

std::unique_ptr<Node> make_control_child(Node& parent, std::string_view name) {
  auto const make = [&](NodeKind kind) { return std::make_unique<Node>(kind, &parent, std::string(name)); };
  switch (parent.kind) {
    case NodeKind::root:
      return name == kControlDirectory ? make(NodeKind::control) : nullptr;
    case NodeKind::control:
      if (name == kStatus || name == kMetrics || name == kErrors) return make(NodeKind::control_file);
      if (name == kWhy) return make(NodeKind::why);
      if (name == kCache) return make(NodeKind::cache);
      return nullptr;
    case NodeKind::why: {
      int const depth = why_depth(parent);
      return make(depth < 2 || (depth == 2 && id_of_set_name(name)) ? NodeKind::why : NodeKind::why_file);
    }
    case NodeKind::cache:
      return cache::parse_key_name(name) ? make(NodeKind::cache_entry) : nullptr;
    case NodeKind::cache_entry:
      return is_cache_file(name) ? make(NodeKind::cache_file) : nullptr;
    default:
      return nullptr;
  }
}

std::string store_path_of(Node const& node) {
  if (node.kind == NodeKind::cache) return layout::kTemplates;
  if (node.kind == NodeKind::cache_entry) return layout::template_dir(node.name);
  if (node.kind == NodeKind::cache_file) return layout::template_dir(node.parent->name) + "/" + node.name;
  return {};
}

bool control_child_exists(Filesystem& fs, fuse_ino_t parent, std::string_view name) {
  std::string const above = fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(parent);
    return node == nullptr ? std::string() : store_path_of(*node);
  });
  struct stat st {};
  return above.empty() || ::fstatat(fs.cache.store().dir(), (above + "/" + std::string(name)).c_str(), &st,
                                    AT_SYMLINK_NOFOLLOW) == 0;
}

std::vector<std::string> list_control(Filesystem& fs, fuse_ino_t directory) {
  std::string in_store;
  auto const kind = fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(directory);
    if (node == nullptr) return NodeKind::why;
    in_store = store_path_of(*node);
    return node->kind;
  });
  std::vector<std::string> names;
  if (kind == NodeKind::control)
    for (auto const name : {kStatus, kMetrics, kErrors, kWhy, kCache}) names.emplace_back(name);
  if (!in_store.empty())
    for_each_entry(fs.cache.store().dir(), in_store, [&](std::string const& name) {
      if (kind == NodeKind::cache ? cache::parse_key_name(name).has_value() : is_cache_file(name))
        names.push_back(name);
    });
  std::sort(names.begin(), names.end());
  return names;
}

std::unique_ptr<ControlFile> open_control_file(Filesystem& fs, fuse_ino_t number) {
  NodeKind kind = NodeKind::root;
  std::string name;
  std::string path;
  std::string in_store;
  fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    if (node == nullptr) return;
    kind = node->kind;
    name = node->name;
    path = NodeTable::path(*node);
    in_store = store_path_of(*node);
  });
  auto out = std::make_unique<ControlFile>();
  if (kind == NodeKind::cache_file) {
    out->file = open_at(fs.cache.store().dir(), in_store, O_RDONLY | O_NOFOLLOW);
  } else if (kind == NodeKind::why_file) {
    out->text = explain_path(fs, path.substr(kWhyPrefix));
  } else if (kind != NodeKind::control_file) {
    return nullptr;
  } else if (name == kStatus) {
    out->text = status_json(fs);
  } else if (name == kMetrics) {
    out->text = metrics_text(fs);
  } else {
    for (auto const& record : fs.errors.all()) out->text += to_line(record);
  }
  return out;
}

}  // namespace templatefs::fusefs
