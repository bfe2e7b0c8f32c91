// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace templatefs {

/// "Did you mean \"btrfs\"?" for a word that is a slip or two away from one of `known`; empty otherwise.
std::string suggestion(std::string_view word, std::vector<std::string> const& known);

}  // namespace templatefs
