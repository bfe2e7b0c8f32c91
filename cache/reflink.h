// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace templatefs::cache {

/// Whether the filesystem below a path can reflink, found by doing it.
struct ReflinkProbe {
  bool works = false;
  int error = 0;                 // why not
  std::string probed;            // the directory that was tried: the path, or its nearest existing ancestor
  bool ancestor = false;         // the path itself does not exist yet
  std::string type_name;         // "ext4", from mountinfo
  std::uint64_t type_magic = 0;  // statfs f_type
  /// One sentence: what was found where.
  std::string describe(std::string const& path) const;
};

/// Tries a real clone of an unnamed scratch file. Symbolic links are followed; a dangling one counts as
/// missing and its own directory is probed. Throws Error where no ancestor exists or none can be written.
ReflinkProbe probe_reflink(std::string const& path);

}  // namespace templatefs::cache
