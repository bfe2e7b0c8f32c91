// SPDX-License-Identifier: Apache-2.0
#include "fusefs/images.h"
#include "fusefs/lead.h"
#include "fusefs/operations.h"

#include <sys/uio.h>

namespace templatefs::fusefs {

namespace {

/// True where all of it was written without a wait.
bool write_at_once(int fd, fuse_bufvec const& source, off_t offset) {
  if (source.count != 1 || (source.buf[0].flags & FUSE_BUF_IS_FD) != 0) return false;
  iovec part{source.buf[0].mem, source.buf[0].size};
  return ::pwritev2(fd, &part, 1, offset, RWF_NOWAIT) == static_cast<ssize_t>(part.iov_len);
}

}  // namespace

/// Comes here only without passthrough.
void op_write_buf(fuse_req_t req, fuse_ino_t number, fuse_bufvec* source, off_t offset, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto const open = open_image_of(Filesystem::of(request), number);
    if (write_at_once(open->fd(), *source, offset)) return request.written(source->buf[0].size);
    let_others_serve();
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
