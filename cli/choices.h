// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class Option;
}

namespace templatefs::cli {

/// Lets an option or operand have one of these values only; its description says what they mean.
void one_of(CLI::Option& option, std::vector<std::string> const& values);
/// What one_of() said; empty where nothing was.
std::vector<std::string> choices_of(CLI::Option& option);

}  // namespace templatefs::cli
