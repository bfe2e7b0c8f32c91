// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs {

/// What an administrator does where an ordinary user may make no user namespace: each sysctl that forbids it,
/// with the command that mends it; where none does, who else may have. The machine is looked at anew.
std::string user_namespace_remedy();

}  // namespace templatefs
