// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::vm {

/// The processor's model name, as /proc/cpuinfo tells it.
std::string cpu_model();

/// A file by what stat(2) tells: hashing QEMU's 20 MB would cost more than the rest of a cached build. Throws
/// Error.
std::string identity_of_file(std::string const& path);

}  // namespace templatefs::vm
