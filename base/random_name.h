// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs {

/// `bytes` random bytes as lower-case hex, from getrandom(2). Never a pid: those are reused.
std::string random_hex(unsigned bytes);

}  // namespace templatefs
