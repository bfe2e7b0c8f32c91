// SPDX-License-Identifier: Apache-2.0
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_forget(fuse_req_t req, fuse_ino_t number, std::uint64_t count) {
  auto& fs = *static_cast<Filesystem*>(fuse_req_userdata(req));
  fs.nodes.with([&](NodeTable& nodes) { nodes.forget(number, count); });
  fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets) {
  auto& fs = *static_cast<Filesystem*>(fuse_req_userdata(req));
  fs.nodes.with([&](NodeTable& nodes) {
    for (std::size_t each = 0; each < count; ++each) nodes.forget(forgets[each].ino, forgets[each].nlookup);
  });
  fuse_reply_none(req);
}

}  // namespace templatefs::fusefs
