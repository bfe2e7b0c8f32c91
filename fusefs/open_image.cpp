// SPDX-License-Identifier: Apache-2.0
#include "fusefs/open_image.h"

#include "fusefs/connection.h"

namespace templatefs::fusefs {

OpenImage::OpenImage(Connection& connection, Fd file)
    : connection_(connection),
      file_(std::move(file)),
      backing_id_(connection.register_backing(file_.get())) {}

OpenImage::~OpenImage() {
  connection_.unregister_backing(backing_id_);
}

}  // namespace templatefs::fusefs
