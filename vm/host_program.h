// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace templatefs::vm {

/// A program of the host that runs in the guest, and all that it loads.
struct HostProgram {
  std::string path;                    // canonical
  std::string banner;                  // stdout and stderr of its version switch
  std::vector<std::string> libraries;  // absolute paths, sorted; empty for a static program or a script

  std::string first_line() const { return banner.substr(0, banner.find('\n')); }
};

/// Asks the program at `path` for its version, and remembers the answer for as long as the file is the same.
/// Throws Error(EIO) where it says nothing, ENOPKG for a library that is missing.
HostProgram examine_program(std::string const& path, std::string const& version_switch);

}  // namespace templatefs::vm
