// SPDX-License-Identifier: Apache-2.0
#include "fusefs/control_tree.h"
#include "fusefs/images.h"
#include "fusefs/lead.h"
#include "fusefs/operations.h"

#include <algorithm>
#include <vector>

#include <sys/uio.h>

namespace templatefs::fusefs {

namespace {

/// What needs no wait for a disk is answered at once; for the rest others serve meanwhile.
void reply_from_file(Request& request, int fd, std::size_t size, off_t offset) {
  thread_local std::vector<char> buffer;
  buffer.resize(std::max(buffer.size(), size));
  iovec part{buffer.data(), size};
  if (::preadv2(fd, &part, 1, offset, RWF_NOWAIT) == static_cast<ssize_t>(size))
    return request.bytes({buffer.data(), size});
  let_others_serve();
  fuse_bufvec source = FUSE_BUFVEC_INIT(size);
  source.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
  source.buf[0].fd = fd;
  source.buf[0].pos = offset;
  request.data(source);
}

}  // namespace

/// Reads of images come here only without passthrough.
void op_read(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info* info) {
  answer(req, [&](Request& request) {
    if (info->fh == 0) {
      auto const open = open_image_of(Filesystem::of(request), number);
      return reply_from_file(request, open->fd(), size, offset);
    }
    auto const& control = ControlFiles::at(info->fh);
    if (control.file) return reply_from_file(request, control.file.get(), size, offset);
    auto const start = std::min(static_cast<std::size_t>(offset), control.text.size());
    // A copy: once the reader has it, a RELEASE on another thread may free the text, which the thread
    // sanitizer, to whom the kernel's order between the two is unknown, takes for a use after free.
    request.bytes(control.text.substr(start, size));
  });
}

}  // namespace templatefs::fusefs
