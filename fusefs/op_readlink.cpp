// SPDX-License-Identifier: Apache-2.0
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_readlink(fuse_req_t req, fuse_ino_t number) {
  answer(req, [&](Request& request) {
    std::string const target = Filesystem::of(request).nodes.with([&](NodeTable& nodes) {
      Node const* const node = nodes.find(number);
      return node != nullptr && node->kind == NodeKind::alias ? Capacity::parse(node->name)->canonical()
                                                              : std::string();
    });
    if (target.empty()) return request.error(EINVAL);
    request.link(target.c_str());
  });
}

}  // namespace templatefs::fusefs
