// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::cache {

/// Makes `name` in `dir` as a btrfs subvolume where the filesystem is btrfs, as a plain directory elsewhere
/// (mode 0700). Throws Error.
void make_subvolume_or_directory(int dir, std::string const& name);

/// Removes what the function above made, with all it holds: one call for a subvolume where we may (root, or
/// the mount option user_subvol_rm_allowed), else file by file. What is gone already is no error. Throws
/// Error.
void remove_subvolume_or_directory(int dir, std::string const& name);

}  // namespace templatefs::cache
