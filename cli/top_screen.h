// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/build_watch.h"
#include "cli/mount_status.h"
#include "cli/report_text.h"

#include <chrono>
#include <string>
#include <vector>

namespace templatefs::cli {

/// A mount now, and how its counters grew since the look before.
struct TopMount {
  MountStatus now;
  double opens_per_second = 0;
  double failures_per_second = 0;
};

/// What `templatefs top` shows at one moment.
struct TopView {
  std::string time;  // RFC 3339
  std::vector<TopMount> mounts;
  std::vector<WatchedBuild> builds;
  std::vector<std::string> failures;  // first lines of records, newest first
};

/// The lines of a screen of that size, no more and no longer than it holds. Pure.
std::vector<std::string> top_screen(TopView const& view, TerminalSize size);

}  // namespace templatefs::cli
