// SPDX-License-Identifier: Apache-2.0
#include "fusefs/directory.h"
#include "fusefs/lookup.h"
#include "fusefs/operations.h"

#include <algorithm>
#include <vector>

namespace templatefs::fusefs {

namespace {

/// The smallest entry takes this much of the kernel's buffer, so no more of them can fit.
constexpr std::size_t kSmallestEntry = 32;

bool is_dots(std::string const& name) {
  return name == "." || name == "..";
}

}  // namespace

void op_readdir(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info*) {
  answer(req, [&](Request& request) {
    std::vector<char> buffer(size);
    std::size_t used = 0;
    for (auto const& entry : list_directory(Filesystem::of(request), number, offset, size / kSmallestEntry)) {
      struct stat st {};
      st.st_ino = entry.number != 0 ? entry.number : static_cast<ino_t>(0xffffffff);
      st.st_mode = entry.type;
      auto const wanted =
          fuse_add_direntry(req, buffer.data() + used, size - used, entry.name.c_str(), &st, entry.next);
      if (wanted > size - used) break;
      used += wanted;
    }
    request.bytes({buffer.data(), used});
  });
}

void op_readdirplus(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    std::vector<char> buffer(size);
    std::size_t used = 0;
    for (auto const& entry : list_directory(fs, number, offset, size / kSmallestEntry)) {
      fuse_entry_param found{};
      found.attr.st_ino = entry.number;
      found.attr.st_mode = entry.type;
      if (!is_dots(entry.name)) {
        auto const looked_up = lookup_child(fs, number, entry.name, request.caller());
        if (!looked_up) continue;  // gone meanwhile
        found = *looked_up;
      }
      auto const wanted = fuse_add_direntry_plus(req, buffer.data() + used, size - used, entry.name.c_str(),
                                                 &found, entry.next);
      if (wanted > size - used) {
        if (found.ino != 0) fs.nodes.with([&](NodeTable& nodes) { nodes.forget(found.ino, 1); });
        break;
      }
      used += wanted;
    }
    request.bytes({buffer.data(), used});
  });
}

}  // namespace templatefs::fusefs
