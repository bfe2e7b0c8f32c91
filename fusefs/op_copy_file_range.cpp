// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"
#include "fusefs/operations.h"

#include <unistd.h>

namespace templatefs::fusefs {

/// On the store this is a reflink where the range allows it.
void op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_offset, fuse_file_info* from_info,
                        fuse_ino_t to, off_t to_offset, fuse_file_info* to_info, std::size_t length,
                        int flags) {
  answer(req, [&](Request& request) {
    if (from_info->fh != 0 || to_info->fh != 0) return request.error(EOPNOTSUPP);
    auto& fs = Filesystem::of(request);
    auto const source = open_image_of(fs, from);
    auto const target = open_image_of(fs, to);
    auto const copied = check(::copy_file_range(source->fd(), &from_offset, target->fd(), &to_offset, length,
                                                static_cast<unsigned>(flags)),
                              "copy a range of", "an image");
    request.written(static_cast<std::size_t>(copied));
  });
}

}  // namespace templatefs::fusefs
