// SPDX-License-Identifier: Apache-2.0
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

/// The store's space: that is what images are made of.
void op_statfs(fuse_req_t req, fuse_ino_t) {
  answer(req, [&](Request& request) {
    struct statvfs st {};
    check(::fstatvfs(Filesystem::of(request).cache.store().dir(), &st), "statfs", "the store");
    st.f_namemax = 255;
    request.filesystem(st);
  });
}

}  // namespace templatefs::fusefs
