// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/seed.h"

#include <string>

namespace templatefs::vm {

/// What one walk through a directory tells.
struct DirectorySeed {
  SeedSize size;
  /// Over each entry in the order of its name: path, type, mode, owner, size, mtime and ctime in nanoseconds,
  /// inode number, device number, link target, extended attributes. No contents: whatever writes to a file
  /// moves its ctime, which nobody can set. What only copies the tree moves it too, and costs a build.
  /// Sockets are left out, as no archive holds them. Access times and directories' sizes do not count.
  std::string digest;
};

/// Throws Error for whatever cannot be read.
DirectorySeed walk_directory_seed(std::string const& path);

}  // namespace templatefs::vm
