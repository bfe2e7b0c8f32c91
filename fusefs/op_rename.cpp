// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "fusefs/image_files.h"
#include "fusefs/operations.h"
#include "fusefs/path_grammar.h"
#include "fusefs/snapshots.h"

#include <array>
#include <utility>

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>

namespace templatefs::fusefs {

namespace {

struct Move {
  ImageDirectoryNode* dir = nullptr;
  ImageNode* image = nullptr;
  ImageNode* target = nullptr;  // may be null, or only a name
};

ImageNode* find_image(NodeTable& nodes, Node const& dir, char const* name) {
  Node* const node = nodes.find_child(dir, name);
  return node != nullptr && node->kind == NodeKind::image ? static_cast<ImageNode*>(node) : nullptr;
}

/// The errno that refuses it, or 0.
int find_move(NodeTable& nodes, fuse_ino_t parent, char const* name, char const* new_name, Move& move) {
  Node* const above = nodes.find(parent);
  if (above == nullptr || !above->holds_images()) return EPERM;
  // A set stays where it is. EXDEV would have mv copy it, into directories that nobody can make.
  Node const* const moved = nodes.find_child(*above, name);
  if (moved != nullptr && moved->kind == NodeKind::set) return EPERM;
  move.dir = static_cast<ImageDirectoryNode*>(above);
  move.image = find_image(nodes, *above, name);
  move.target = find_image(nodes, *above, new_name);
  if (move.image == nullptr || !move.image->exists) return ENOENT;
  if (move.image->busy || (move.target != nullptr && move.target->busy)) return EBUSY;
  return 0;
}

}  // namespace

void op_rename(fuse_req_t req, fuse_ino_t parent, char const* name, fuse_ino_t new_parent,
               char const* new_name, unsigned flags) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return request.error(EINVAL);
    ImagePlace place;
    std::array<fuse_ino_t, 2> late{};
    bool is_name = false;
    bool has_snapshots = false;
    int refusal = fs.nodes.with([&](NodeTable& nodes) {
      Move move;
      int const err = find_move(nodes, parent, name, new_name, move);
      if (err != 0) return err;
      place = place_of(*move.image);
      late = {move.image->number, move.target == nullptr ? 0 : move.target->number};
      has_snapshots = move.image->has_snapshots || (move.target != nullptr && move.target->has_snapshots);
      is_name = place.set.empty() ? id_of_image_name(new_name).has_value() : is_disk_of_set(new_name);
      return 0;
    });
    // Another capacity is another size, and another recipe another content: mv then copies, as between
    // filesystems.
    if (refusal == 0 && new_parent != parent) refusal = EXDEV;
    if (refusal == 0 && !is_name) refusal = ENOENT;
    if (refusal != 0) return request.error(refusal);
    if (std::string_view(name) == new_name) return request.success();

    // Their files have to be where they belong, for the one to replace the other.
    for (auto const number : late) name_now(fs, number);
    int const dir = place.dir->get();
    std::string const new_place = place.set.empty() ? new_name : place.set + "/" + new_name;
    check(::renameat2(dir, place.name.c_str(), dir, new_place.c_str(), flags), "rename an image to",
          new_name);
    if (has_snapshots) move_snapshots(place, new_place);
    cache::LateName replaced;  // of one that was made this instant
    fs.nodes.with([&](NodeTable& nodes) {
      Move move;
      if (find_move(nodes, parent, name, new_name, move) == ENOENT || move.image == nullptr) return;
      auto const now_ns = epoch_ms_now() * 1'000'000;
      if (move.target != nullptr) {
        replaced = std::exchange(move.target->late, {});
        nodes.drop(*move.target, now_ns);
      }
      nodes.rename(*move.image, new_name);
      move.dir->changed_ns = now_ns;
    });
    remove_late(fs, replaced);
    request.success();
  });
}

}  // namespace templatefs::fusefs
