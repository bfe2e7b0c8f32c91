// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "fusefs/image_files.h"
#include "fusefs/operations.h"
#include "fusefs/snapshots.h"

#include <unistd.h>

namespace templatefs::fusefs {

void op_unlink(fuse_req_t req, fuse_ino_t parent, char const* name) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    int refusal = 0;
    ImagePlace place;
    bool has_snapshots = false;
    fs.nodes.with([&](NodeTable& nodes) {
      Node* const above = nodes.find(parent);
      Node* const node = above == nullptr ? nullptr : nodes.find_child(*above, name);
      if (above == nullptr || !above->holds_images())
        refusal = EPERM;  // recipes, capacities and .templatefs are not the user's to remove
      else if (node == nullptr || node->kind != NodeKind::image || !static_cast<ImageNode*>(node)->exists)
        refusal = ENOENT;
      else {
        place = place_of(static_cast<ImageNode&>(*node));
        has_snapshots = static_cast<ImageNode&>(*node).has_snapshots;
      }
    });
    if (refusal != 0) return request.error(refusal);

    // The file first: whoever makes the name anew, once the table lets go of it, must not meet the old one.
    if (at_backing_file(fs, place, [](int dir, char const* file) { return ::unlinkat(dir, file, 0); }) != 0 &&
        errno != ENOENT)
      throw_errno("remove the image", name);
    ++fs.counters.images_dropped;
    cache::LateName late;
    bool const last_of_set = fs.nodes.with([&](NodeTable& nodes) {
      auto* const image = static_cast<ImageNode*>(nodes.find_child(*nodes.find(parent), name));
      if (image == nullptr || !image->exists) return false;
      auto const* const set = image->set();
      late = std::exchange(image->late, {});
      nodes.drop(*image, epoch_ms_now() * 1'000'000);
      // The kernel, which waits for this answer, keeps the directory in the table.
      return set != nullptr && set->listed.empty();
    });
    if (late) fs.cache.forget_name(late);
    if (has_snapshots) drop_snapshots(place);
    if (last_of_set) remove_empty_set(place.dir->get(), place.set);
    request.success();
  });
}

}  // namespace templatefs::fusefs
