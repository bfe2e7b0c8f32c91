// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"
#include "fusefs/path_grammar.h"

namespace templatefs::fusefs {

/// Every valid name resolves, so the kernel asks to create only what the grammar refuses.
void op_create(fuse_req_t req, fuse_ino_t parent, char const* name, mode_t, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    std::string path;
    bool const in_capacity = fs.nodes.with([&](NodeTable& nodes) {
      Node const* const above = nodes.find(parent);
      if (above != nullptr) path = NodeTable::path(*above) + "/" + name;
      return above != nullptr && above->kind == NodeKind::capacity;
    });
    if (!in_capacity) return request.error(EPERM);
    fs.errors.add(path, Error(ENOENT, format("\"{}\" is no image's name", name), explain_image_name(name)));
    request.error(ENOENT);
  });
}

}  // namespace templatefs::fusefs
