// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"
#include "fusefs/operations.h"

#include <fcntl.h>

namespace templatefs::fusefs {

void op_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t length, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto const open = open_image_of(Filesystem::of(request), number);
    check(::fallocate(open->fd(), mode, offset, length), "fallocate", "an image");
    request.success();
  });
}

}  // namespace templatefs::fusefs
