// SPDX-License-Identifier: Apache-2.0
#include "fusefs/control_tree.h"
#include "fusefs/images.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

namespace {

void reply_from_file(Request& request, int fd, std::size_t size, off_t offset) {
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
