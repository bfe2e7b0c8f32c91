// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace templatefs {

/// Somebody else's bytes as they can be shown in a sentence: control characters, and what is not ASCII, as
/// '?'.
std::string printable(std::string_view bytes);

}  // namespace templatefs
