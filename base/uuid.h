// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

namespace templatefs {

/// The 16 bytes of a UUID, in the order in which it is written.
using Uuid = std::array<unsigned char, 16>;

/// A new one, version 4 (RFC 9562), from getrandom(2).
Uuid random_uuid();

}  // namespace templatefs
