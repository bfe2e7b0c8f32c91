// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/log.h"
#include "fusefs/image_files.h"
#include "fusefs/operations.h"
#include "fusefs/path_grammar.h"
#include "fusefs/snapshots.h"

#include <cstdio>

namespace templatefs::fusefs {

namespace {

SetNode* find_set(NodeTable& nodes, fuse_ino_t parent, char const* name) {
  Node* const above = nodes.find(parent);
  Node* const node = above == nullptr ? nullptr : nodes.find_child(*above, name);
  return node != nullptr && node->kind == NodeKind::set ? static_cast<SetNode*>(node) : nullptr;
}

/// The errno that refuses it, or 0.
int refusal_of(SetNode const* set, fuse_ctx const& caller) {
  if (set == nullptr) return EPERM;  // recipes, capacities and .templatefs are not the user's to remove
  // The kernel looked before: somebody may have made it theirs since.
  if (set->owned() && caller.uid != 0 && caller.uid != set->uid) return EPERM;
  if (set->making > 0) return EBUSY;
  // Without images it does not exist, but rm -r has just removed them one by one.
  return set->listed.empty() && !set->emptied ? ENOENT : 0;
}

/// All images at once, as the directory was renamed at once. Returns how many there were.
unsigned drop_set(NodeTable& nodes, SetNode& set) {
  auto const now_ns = epoch_ms_now() * 1'000'000;
  auto const count = static_cast<unsigned>(set.listed.size());
  ++set.lookups;  // not to be freed with its last image
  for (auto const name : kDisksOfSet)
    if (Node* const disk = nodes.find_child(set, name)) nodes.drop(static_cast<ImageNode&>(*disk), now_ns);
  nodes.unname(set);
  nodes.forget(set.number, 1);
  return count;
}

}  // namespace

/// Removes a set with all its images; who has one open keeps it. The kernel lets nobody look into the
/// directory meanwhile, and takes it for dead afterwards: the name gets a new node.
void op_rmdir(fuse_req_t req, fuse_ino_t parent, char const* name) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    std::shared_ptr<Fd> dir;
    std::string aside;
    int const refusal = fs.nodes.with([&](NodeTable& nodes) {
      SetNode* const set = find_set(nodes, parent, name);
      int const err = refusal_of(set, request.caller());
      if (err != 0) return err;
      set->gone = true;
      dir = set->capacity().store_dir;
      aside = ".removed-" + std::to_string(set->number);  // no id begins with a dot
      return 0;
    });
    if (refusal != 0) return request.error(refusal);

    int const err = ::renameat(dir->get(), name, dir->get(), aside.c_str()) == 0 ? 0 : errno;
    unsigned const dropped = fs.nodes.with([&](NodeTable& nodes) {
      SetNode* const set = find_set(nodes, parent, name);
      if (set == nullptr) return 0u;
      if (err == 0 || err == ENOENT) return drop_set(nodes, *set);  // ENOENT: its last image took it along
      set->gone = false;
      return 0u;
    });
    if (err != 0 && err != ENOENT) return request.error(err);
    fs.counters.images_dropped += dropped;
    try {
      remove_tree(dir->get(), std::string(kSnapshots) + "/" + name);
      remove_tree(dir->get(), aside);
    } catch (Error const& error) {
      spdlog::warn("what is left of a removed set goes with the mount: {}", error.sentence());
    }
    request.success();
  });
}

}  // namespace templatefs::fusefs
