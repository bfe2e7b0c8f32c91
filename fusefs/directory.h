// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <string>
#include <vector>

#include <sys/types.h>

namespace templatefs::fusefs {

struct DirectoryEntry {
  std::string name;
  mode_t type;        // S_IFDIR, S_IFREG
  fuse_ino_t number;  // 0 where there is no node yet
  off_t next;         // where to go on after this one
};

/// At most `most` entries of a directory after cookie `from` (0 at the start): what exists, never what could.
/// Throws Error.
std::vector<DirectoryEntry> list_directory(Filesystem& fs, fuse_ino_t directory, off_t from,
                                           std::size_t most);

}  // namespace templatefs::fusefs
