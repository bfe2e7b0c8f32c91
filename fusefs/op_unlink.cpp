// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"

#include <unistd.h>

namespace templatefs::fusefs {

void op_unlink(fuse_req_t req, fuse_ino_t parent, char const* name) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    int refusal = 0;
    std::shared_ptr<Fd> dir;
    fs.nodes.with([&](NodeTable& nodes) {
      Node* const above = nodes.find(parent);
      Node* const node = above == nullptr ? nullptr : nodes.find_child(*above, name);
      if (above == nullptr || above->kind != NodeKind::capacity)
        refusal = EPERM;  // recipes, capacities and .templatefs are not the user's to remove
      else if (node == nullptr || !static_cast<ImageNode*>(node)->exists)
        refusal = ENOENT;
      else
        dir = static_cast<CapacityNode*>(above)->store_dir;
    });
    if (refusal != 0) return request.error(refusal);

    // The file first: whoever makes the name anew, once the table lets go of it, must not meet the old one.
    if (::unlinkat(dir->get(), name, 0) != 0 && errno != ENOENT) throw_errno("remove the image", name);
    ++fs.counters.images_dropped;
    fs.nodes.with([&](NodeTable& nodes) {
      auto* const above = static_cast<CapacityNode*>(nodes.find(parent));
      auto* const image = static_cast<ImageNode*>(nodes.find_child(*above, name));
      if (image == nullptr || !image->exists) return;
      above->images.erase(above->images.iterator_to(*image));
      above->changed_ns = epoch_ms_now() * 1'000'000;
      image->exists = false;
      image->gone = true;
      nodes.unname(*image);
      nodes.release_if_unused(*image);
    });
    request.success();
  });
}

}  // namespace templatefs::fusefs
