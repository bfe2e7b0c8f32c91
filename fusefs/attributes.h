// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <optional>

#include <sys/stat.h>

namespace templatefs::fusefs {

/// What the kernel may believe, and for how long.
struct Attributes {
  struct stat st;
  double attr_timeout;  // seconds
  double entry_timeout;
};

/// A node's attributes. A name that was never opened costs no system call and no lock in the store; an
/// existing image costs one fstat of the backing file. Empty for an unknown number. Throws Error (the
/// store's).
std::optional<Attributes> attributes_of(Filesystem& fs, fuse_ino_t number, fuse_ctx const& asker);

/// The same, for an image that is open: of its backing file.
std::optional<Attributes> attributes_of(Filesystem& fs, fuse_ino_t number, OpenImage const& open);

}  // namespace templatefs::fusefs
