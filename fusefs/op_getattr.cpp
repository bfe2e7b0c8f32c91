// SPDX-License-Identifier: Apache-2.0
#include "fusefs/attributes.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_getattr(fuse_req_t req, fuse_ino_t number, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto const attributes = attributes_of(Filesystem::of(request), number, request.caller());
    if (!attributes) return request.error(ESTALE);
    request.attr(attributes->st, attributes->attr_timeout);
  });
}

}  // namespace templatefs::fusefs
