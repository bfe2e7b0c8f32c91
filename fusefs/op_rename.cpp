// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"
#include "fusefs/path_grammar.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>

namespace templatefs::fusefs {

namespace {

struct Move {
  CapacityNode* dir = nullptr;
  ImageNode* image = nullptr;
  ImageNode* target = nullptr;  // may be null, or only a name
};

/// The errno that refuses it, or 0.
int find_move(NodeTable& nodes, fuse_ino_t parent, char const* name, char const* new_name, Move& move) {
  Node* const above = nodes.find(parent);
  if (above == nullptr || above->kind != NodeKind::capacity) return EPERM;
  move.dir = static_cast<CapacityNode*>(above);
  move.image = static_cast<ImageNode*>(nodes.find_child(*above, name));
  move.target = static_cast<ImageNode*>(nodes.find_child(*above, new_name));
  if (move.image == nullptr || !move.image->exists) return ENOENT;
  if (move.image->busy || (move.target != nullptr && move.target->busy)) return EBUSY;
  return 0;
}

/// The target's name goes to somebody else; whoever has it open keeps it.
void displace(NodeTable& nodes, CapacityNode& dir, ImageNode& target) {
  if (target.exists) dir.images.erase(dir.images.iterator_to(target));
  target.exists = false;
  target.gone = true;
  nodes.unname(target);
  nodes.release_if_unused(target);
}

}  // namespace

void op_rename(fuse_req_t req, fuse_ino_t parent, char const* name, fuse_ino_t new_parent,
               char const* new_name, unsigned flags) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return request.error(EINVAL);
    std::shared_ptr<Fd> dir;
    int refusal = fs.nodes.with([&](NodeTable& nodes) {
      Move move;
      int const err = find_move(nodes, parent, name, new_name, move);
      if (err == 0) dir = move.dir->store_dir;
      return err;
    });
    // Another capacity is another size, and another recipe another content: mv then copies, as between
    // filesystems.
    if (refusal == 0 && new_parent != parent) refusal = EXDEV;
    if (refusal == 0 && !id_of_image_name(new_name)) refusal = ENOENT;
    if (refusal != 0) return request.error(refusal);
    if (std::string_view(name) == new_name) return request.success();

    check(::renameat2(dir->get(), name, dir->get(), new_name, flags), "rename an image to", new_name);
    fs.nodes.with([&](NodeTable& nodes) {
      Move move;
      if (find_move(nodes, parent, name, new_name, move) == ENOENT || move.image == nullptr) return;
      if (move.target != nullptr) displace(nodes, *move.dir, *move.target);
      nodes.rename(*move.image, new_name);
      move.dir->changed_ns = epoch_ms_now() * 1'000'000;
    });
    request.success();
  });
}

}  // namespace templatefs::fusefs
