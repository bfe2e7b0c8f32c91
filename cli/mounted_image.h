// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// An image that exists in a live mount, open for reading through the mount, with all that was written to it
/// on the store's disk.
struct MountedImage {
  std::string path;               // absolute
  nlohmann::ordered_json status;  // of its mount
  std::string below;              // its path below the mount point
  std::string made_from;          // the template's key; empty where it was made empty
  Fd file;

  /// Its file in the mount's store. Throws Error, EACCES for whoever may not look into the store.
  Fd open_in_store() const;
};

/// Throws Error: EINVAL for a path in no mount, ENOENT for a name that nobody has opened yet (this makes no
/// image of it), and what open(2) and fsync(2) say.
MountedImage open_mounted_image(std::string const& path);

/// The answer to user.templatefs.<name>, of at most 256 bytes; empty where there is none. Throws Error for a
/// path that is not there, or not to be looked at.
std::string attribute_of(std::string const& path, std::string const& name);

/// Who has an image open for writing: "qemu-system-x86 (pid 811)", as far as /proc shows; "somebody" where it
/// shows nobody. Empty where nobody has. The kernel tells the mount of a close(2) a moment after it: an
/// invisible writer is given a second to be gone.
std::string writers_of(MountedImage const& image);

}  // namespace templatefs::cli
