// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_release(fuse_req_t req, fuse_ino_t number, fuse_file_info* info) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    if (info->fh != 0) {
      fs.control_files.remove(info->fh);
    } else {
      if (may_write(info->flags)) count_writer(fs, number, -1);
      release_image(fs, number);
    }
    request.success();
  });
}

}  // namespace templatefs::fusefs
