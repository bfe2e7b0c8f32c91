// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace templatefs::fusefs {

/// A template on its way, as somebody who looks sees it.
struct BuildView {
  std::string path;  // "btrfs/256M"
  std::string phase;
  std::chrono::milliseconds elapsed;
  std::size_t images;   // that will be made from it
  std::size_t waiters;  // requests that wait for them
};

/// What changes in a mount, at one moment.
struct MountView {
  std::size_t nodes = 0;
  std::size_t images_existing = 0;
  std::size_t images_open = 0;
  std::vector<BuildView> builds;
  std::uint64_t store_bytes = 0;  // of the store's filesystem; both 0 where it does not tell
  std::uint64_t store_free_bytes = 0;
};
MountView look_at_mount(Filesystem& fs);

/// The mount as it is now, JSON, schema templatefs.status/1. Waits for nothing.
std::string status_json(Filesystem& fs);

}  // namespace templatefs::fusefs
