// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace templatefs::fusefs {

/// A template on its way, as somebody who looks sees it.
struct BuildView {
  std::string path;  // "btrfs/256M"
  std::string phase;
  std::chrono::milliseconds elapsed;
  std::size_t images;   // that will be made from it
  std::size_t waiters;  // requests that wait for them
};

/// What a user has, or all of them.
struct UserView {
  Holdings::Share images;
  std::size_t builds = 0;  // those that wait for a turn too
};

/// What changes in a mount, at one moment.
struct MountView {
  std::size_t nodes = 0;
  std::size_t images_existing = 0;
  std::size_t images_open = 0;
  std::vector<BuildView> builds;
  Quota quota;                      // as it is now
  std::map<uid_t, UserView> users;  // those who have an image or a build
  UserView all_users;
  std::uint64_t store_bytes = 0;  // of the store's filesystem; both 0 where it does not tell
  std::uint64_t store_free_bytes = 0;
};
MountView look_at_mount(Filesystem& fs);

/// The mount as it is now, JSON, schema templatefs.status/1. Waits for nothing.
std::string status_json(Filesystem& fs);

}  // namespace templatefs::fusefs
