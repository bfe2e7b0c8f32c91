// SPDX-License-Identifier: Apache-2.0
#include "fusefs/control_tree.h"
#include "fusefs/images.h"
#include "fusefs/lead.h"
#include "fusefs/operations.h"

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

void open_control(Filesystem& fs, Request& request, std::unique_ptr<ControlFile> file, fuse_file_info info) {
  if ((info.flags & O_ACCMODE) != O_RDONLY) return request.error(EACCES);
  // Their length is not known before they are written: the kernel must not trust st_size.
  info.direct_io = 1;
  info.noflush = 1;
  info.fh = fs.control_files.add(std::move(file));
  if (!request.open(info)) fs.control_files.remove(info.fh);
}

/// True where the kernel took the answer, and with it a hold on the image until RELEASE.
bool open_image(Filesystem& fs, fuse_ino_t number, Request& request, OpenImage& open, fuse_file_info info) {
  if (info.flags & O_TRUNC) {
    let_others_serve();
    check(::ftruncate(open.fd(), 0), "truncate", "an image");
  }
  info.fh = 0;
  info.noflush = 1;
  set_backing_id(info, open.backing_id());
  // Nobody else changes an image, so what the kernel cached of it stays right from one open to the next.
  if (open.backing_id() == 0) info.keep_cache = 1;
  // Counted before the answer: the RELEASE may come before this thread goes on.
  if (may_write(info.flags)) count_writer(fs, number, 1);
  if (request.open(info)) return true;
  if (may_write(info.flags)) count_writer(fs, number, -1);
  return false;
}

}  // namespace

void op_open(fuse_req_t req, fuse_ino_t number, fuse_file_info* info) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    if (auto control = open_control_file(fs, number))
      return open_control(fs, request, std::move(control), *info);
    Entry const entry{(info->flags & O_TRUNC) != 0};
    with_open_image(fs, request, number, entry, [&fs, number, asked = *info](Request& held, OpenImage& open) {
      // All before the answer, as the writers are counted: who has it may look at once.
      ++fs.counters.opens;
      forget_failures(fs, number);
      if (open_image(fs, number, held, open, asked)) return true;
      --fs.counters.opens;
      return false;
    });
  });
}

}  // namespace templatefs::fusefs
