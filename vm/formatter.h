// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/builder.h"

#include <string>
#include <vector>

namespace templatefs::vm {

/// A formatter as it is installed, and everything of it that decides the bytes it writes.
struct Formatter {
  std::string path;                       // canonical: /usr/sbin/mke2fs for mkfs.ext4
  std::string banner;                     // stdout and stderr of its version switch
  std::vector<std::string> libraries;     // absolute paths, sorted; empty for a static program or a script
  std::vector<std::string> config_files;  // those that exist

  /// The banner's line that tells the version: some have words before it.
  std::string version_line() const;
  /// formatter_version, formatter_digest, formatter_libraries, formatter_config.
  std::vector<Input> inputs() const;
  std::vector<std::string> files() const;
};

/// Looks it up on PATH and asks for its version, which is remembered for as long as the file is the same.
/// Requires a filesystem that has a formatter. Throws Error(ENOPKG) naming the package; EIO where it says
/// nothing.
Formatter find_formatter(Filesystem const& filesystem);

/// The argument vector that formats `device`, argv[0] being the formatter's name.
std::vector<std::string> formatter_command(BuildSpec const& spec, std::string const& device);

/// One digest over the names and contents of files, in the order given.
std::string digest_of_files(std::vector<std::string> const& paths);

}  // namespace templatefs::vm
