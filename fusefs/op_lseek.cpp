// SPDX-License-Identifier: Apache-2.0
#include "fusefs/control_tree.h"
#include "fusefs/images.h"
#include "fusefs/operations.h"

#include <unistd.h>

namespace templatefs::fusefs {

/// SEEK_DATA and SEEK_HOLE; the kernel does the rest itself. Without this, every image looks fully allocated.
void op_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence, fuse_file_info* info) {
  answer(req, [&](Request& request) {
    std::shared_ptr<OpenImage> image;
    int fd = -1;
    if (info->fh == 0) {
      image = open_image_of(Filesystem::of(request), number);
      fd = image->fd();
    } else {
      fd = ControlFiles::at(info->fh).file.get();
      if (fd < 0) return request.error(EINVAL);
    }
    // The descriptor's own offset is used by nobody: reads and writes carry theirs.
    request.offset(check(::lseek(fd, offset, whence), "seek in", "an image"));
  });
}

}  // namespace templatefs::fusefs
