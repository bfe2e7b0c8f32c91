// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/image_files.h"

#include <string>
#include <vector>

// Reflinks of an image under names of their own, in .snapshots/<image>/<name> of its capacity's directory in
// the session. They follow a rename, and go with the image and with the mount.
namespace templatefs::fusefs {

inline constexpr char kSnapshots[] = ".snapshots";

/// Of an open image, as it stands. Throws Error: EINVAL for a bad name, EEXIST, EBUSY where somebody may
/// write to it, unless `force`.
void take_snapshot(Filesystem& fs, fuse_ino_t number, OpenImage const& open, std::string const& name,
                   bool force);
/// Throws Error(ENOENT).
void remove_snapshot(Filesystem& fs, fuse_ino_t number, std::string const& name);
/// Sorted.
std::vector<std::string> snapshots_of(Filesystem& fs, fuse_ino_t number);

/// Gives an idle image the content of a snapshot, or of its template where `name` is empty: a new file is
/// made and takes the old one's name in one step, and who opens it meanwhile waits. Throws Error: EBUSY while
/// it is open, ENOENT without such a snapshot or template; then the image is as it was.
void revert(Filesystem& fs, fuse_ino_t number, std::string const& name);
/// The same in the file of an open image: whoever has it open finds other bytes in it.
void revert_open(Filesystem& fs, fuse_ino_t number, OpenImage const& open, std::string const& name);

/// With the image itself.
void drop_snapshots(ImagePlace const& place) noexcept;
void move_snapshots(ImagePlace const& place, std::string const& new_store_name) noexcept;
bool has_snapshots(int capacity_dir, std::string const& store_name) noexcept;

}  // namespace templatefs::fusefs
