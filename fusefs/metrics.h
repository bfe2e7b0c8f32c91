// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <string>

namespace templatefs::fusefs {

/// The numbers of status.json as Prometheus text (exposition format 0.0.4). Waits for nothing.
std::string metrics_text(Filesystem& fs);

}  // namespace templatefs::fusefs
