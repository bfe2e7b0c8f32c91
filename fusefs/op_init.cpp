// SPDX-License-Identifier: Apache-2.0
#include "fusefs/filesystem.h"
#include "fusefs/operations.h"

namespace templatefs::fusefs {

void op_init(void* userdata, fuse_conn_info* info) {
  static_cast<Filesystem*>(userdata)->connection.negotiate(*info);
}

}  // namespace templatefs::fusefs
