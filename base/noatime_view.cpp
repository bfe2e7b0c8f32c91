// SPDX-License-Identifier: Apache-2.0
#include "base/noatime_view.h"

#include <fcntl.h>
#include <sys/mount.h>

namespace templatefs {

Fd open_noatime_view(int dir) noexcept {
  Fd const tree(::open_tree(dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!tree) return {};
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOATIME;
  attributes.attr_clr = MOUNT_ATTR__ATIME;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) return {};
  // open_tree's own descriptor is of the O_PATH kind, which neither reads a directory nor locks.
  return Fd(::openat(tree.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace templatefs
