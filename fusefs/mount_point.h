// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::fusefs {

inline constexpr char kMountType[] = "fuse.templatefs";

/// Makes a path ready to be mounted on and returns it absolute: made where only its last component is
/// missing; a mount of ours whose daemon is dead (ENOTCONN) is detached. Throws Error: EBUSY over a living
/// mount of ours, ENOTDIR, ENOTEMPTY where files would be hidden, and what the system says otherwise.
std::string prepare_mount_point(std::string const& path);

/// Detaches a mount: umount2(2) for root, fusermount3 for everybody else. False where it is busy. Throws
/// Error.
bool detach_mount(std::string const& mount_point, bool lazy);

}  // namespace templatefs::fusefs
