// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace templatefs::fusefs {

/// Something that a mount takes and this process, or its container, does not have.
struct MountObstacle {
  int err = 0;         // as the mount would fail
  std::string what;    // "there is no /dev/fuse"
  std::string remedy;  // a sentence
};

/// Found without mounting anything; empty where nothing is known to be in the way. `in_own_namespace` for a
/// mount that is made in a user namespace of its own where that is what it takes.
std::optional<MountObstacle> find_mount_obstacle(bool in_own_namespace = false);

/// Throws Error for an obstacle.
void require_mountable(bool in_own_namespace);

}  // namespace templatefs::fusefs
