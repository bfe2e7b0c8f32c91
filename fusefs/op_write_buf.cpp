// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

/// Comes here only without passthrough.
void op_write_buf(fuse_req_t req, fuse_ino_t number, fuse_bufvec* source, off_t offset, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto const open = open_image_of(Filesystem::of(request), number);
    fuse_bufvec target = FUSE_BUFVEC_INIT(fuse_buf_size(source));
    target.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
    target.buf[0].fd = open->fd();
    target.buf[0].pos = offset;
    auto const copied = fuse_buf_copy(&target, source, static_cast<fuse_buf_copy_flags>(0));
    if (copied < 0) return request.error(static_cast<int>(-copied));
    request.written(static_cast<std::size_t>(copied));
  });
}

}  // namespace templatefs::fusefs
