// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/mount_namespace.h"

#include <string>
#include <vector>

namespace templatefs::cli {

/// Runs a command to its end where a mount is: in the namespaces, in this directory, on this terminal and in
/// its foreground. It dies with us; signals that somebody sends us go on to it, those of the terminal it gets
/// itself. Returns its exit status, 126 or 127 with a sentence on standard error where it could not be
/// started, 128 + N where signal N ended it. Throws Error. Must be called while the process has one thread.
int run_captive(std::vector<std::string> const& argv, MountNamespaceOf const& where);

}  // namespace templatefs::cli
