// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"
#include "fusefs/operations.h"

#include <unistd.h>

namespace templatefs::fusefs {

void op_fsync(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info* info) {
  answer(req, [&](Request& request) {
    if (info->fh != 0) return request.success();  // a control file holds nothing of ours
    auto& fs = Filesystem::of(request);
    auto const open = open_image_of(fs, number);
    name_now(fs, number);  // its name is to survive as well
    check(data_only ? ::fdatasync(open->fd()) : ::fsync(open->fd()), "sync", "an image");
    request.success();
  });
}

}  // namespace templatefs::fusefs
