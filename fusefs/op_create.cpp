// SPDX-License-Identifier: Apache-2.0
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"
#include "fusefs/path_grammar.h"

namespace templatefs::fusefs {

/// Every valid name resolves, so the kernel asks to create only what the grammar refuses.
void op_create(fuse_req_t req, fuse_ino_t parent, char const* name, mode_t, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    std::string path;
    NodeKind directory = NodeKind::root;
    fs.nodes.with([&](NodeTable& nodes) {
      Node const* const above = nodes.find(parent);
      if (above == nullptr || !above->holds_images()) return;
      directory = above->kind;
      path = NodeTable::path(*above) + "/" + name;
    });
    if (path.empty()) return request.error(EPERM);
    fs.errors.add(path, directory == NodeKind::set ? no_disk_of_set(name) : no_image(name));
    request.error(ENOENT);
  });
}

}  // namespace templatefs::fusefs
