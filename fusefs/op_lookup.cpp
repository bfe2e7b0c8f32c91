// SPDX-License-Identifier: Apache-2.0
#include "fusefs/lookup.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_lookup(fuse_req_t req, fuse_ino_t parent, char const* name) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    auto const entry = lookup_child(fs, parent, name, request.caller());
    if (!entry) return request.error(ENOENT);
    if (!request.entry(*entry)) fs.nodes.with([&](NodeTable& nodes) { nodes.forget(entry->ino, 1); });
  });
}

}  // namespace templatefs::fusefs
