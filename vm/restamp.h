// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace templatefs::vm {

struct Filesystem;

/// Whether restamp() knows this kind of filesystem.
bool can_restamp(Filesystem const& filesystem) noexcept;

/// Gives the filesystem in an open image, which nobody uses, a new random UUID, by writing its superblocks
/// and no other metadata: microseconds, no exec, nothing synced. `original` has the same content as `image`
/// and is what is read: the template of a clone made just now, else the image itself. Throws Error, the image
/// unchanged: EOPNOTSUPP where other metadata is bound to the UUID, with the option that avoids it; EIO for
/// what is no such filesystem. Throws ENOSPC and the like of the writing, the image then spoilt.
void restamp(Filesystem const& filesystem, int image, int original);
inline void restamp(Filesystem const& filesystem, int image) {
  restamp(filesystem, image, image);
}

}  // namespace templatefs::vm
