// SPDX-License-Identifier: Apache-2.0
#include "fusefs/auto_link.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_readlink(fuse_req_t req, fuse_ino_t number) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    std::string target;
    cache::Recipe const* asked = nullptr;
    fs.nodes.with([&](NodeTable& nodes) {
      Node const* const node = nodes.find(number);
      if (node == nullptr) return;
      if (node->kind == NodeKind::alias) target = Capacity::parse(node->name)->canonical();
      if (node->kind == NodeKind::auto_link) asked = static_cast<RecipeNode const*>(node->parent)->recipe;
    });
    if (asked != nullptr) return answer_auto_link(fs, request, *asked);
    if (target.empty()) return request.error(EINVAL);
    request.link(target.c_str());
  });
}

}  // namespace templatefs::fusefs
