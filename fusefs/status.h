// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <string>

namespace templatefs::fusefs {

/// The mount as it is now, JSON, schema templatefs.status/1. Waits for nothing.
std::string status_json(Filesystem& fs);
/// The same numbers as Prometheus text.
std::string metrics_text(Filesystem& fs);

}  // namespace templatefs::fusefs
