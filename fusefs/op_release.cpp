// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_release(fuse_req_t req, fuse_ino_t number, fuse_file_info* info) {
  answer(req, [&](Request& request) {
    if (info->fh != 0)
      Filesystem::of(request).control_files.remove(info->fh);
    else
      release_image(Filesystem::of(request), number);
    request.success();
  });
}

}  // namespace templatefs::fusefs
