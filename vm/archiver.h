// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/builder.h"
#include "vm/host_program.h"

#include <string>
#include <vector>

namespace templatefs::vm {

/// GNU tar as it is installed: it packs directories on the host and unpacks every seed in the guest. Nothing
/// else keeps all of owners, nanoseconds, holes, attributes and capabilities both ways.
struct Archiver {
  HostProgram program;

  /// archiver_version, archiver_digest, archiver_libraries; for a tar also seed_names, since ACLs in it spell
  /// users and groups by name.
  std::vector<Input> inputs(Seed const& seed) const;
  std::vector<std::string> files() const;
};

/// Looks it up on PATH. Throws Error(ENOPKG) where it is missing or is not GNU tar.
Archiver find_archiver();

/// Where it is in the guest.
inline constexpr char kArchiverInGuest[] = "/bin/tar";

/// The files that translate the names in a tar's ACLs, those that exist.
std::vector<std::string> name_files();

/// Writes the directory as a tar to stdout, the same for the same tree.
std::vector<std::string> pack_command(Archiver const& archiver, std::string const& directory);
/// The same in the guest.
std::vector<std::string> pack_command_in_guest(std::string const& directory);
/// Reads a tar from `archive` into `directory`. Nothing is written to stderr but what could not be put in.
std::vector<std::string> unpack_command_in_guest(std::string const& archive, std::string const& directory,
                                                 bool textual_acls);

}  // namespace templatefs::vm
