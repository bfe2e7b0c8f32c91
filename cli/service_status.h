// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <thread>

namespace templatefs::cli {

/// Tells the service manager of a mount, if there is one, from its first answer to its end: READY=1 when it
/// is made, the line that `systemctl status` shows whenever that changes, STOPPING=1 when it is destroyed.
class ServiceStatus {
 public:
  explicit ServiceStatus(fusefs::Filesystem& fs);
  ~ServiceStatus();
  ServiceStatus(ServiceStatus const&) = delete;
  ServiceStatus& operator=(ServiceStatus const&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace templatefs::cli
