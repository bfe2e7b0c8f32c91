// SPDX-License-Identifier: Apache-2.0
#include "fusefs/operations.h"
#include "fusefs/request.h"

// Names come from the grammar and images from templates: nothing else can be made here.
namespace templatefs::fusefs {

namespace {

void refuse(fuse_req_t req) {
  answer(req, [](Request& request) { request.error(EPERM); });
}

}  // namespace

void op_mkdir(fuse_req_t req, fuse_ino_t, char const*, mode_t) {
  refuse(req);
}
void op_mknod(fuse_req_t req, fuse_ino_t, char const*, mode_t, dev_t) {
  refuse(req);
}
void op_symlink(fuse_req_t req, char const*, fuse_ino_t, char const*) {
  refuse(req);
}
void op_link(fuse_req_t req, fuse_ino_t, fuse_ino_t, char const*) {
  refuse(req);
}

}  // namespace templatefs::fusefs
