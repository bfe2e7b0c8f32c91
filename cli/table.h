// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace templatefs::cli {

/// Rows of equal length, the first one the headings, as aligned columns with two spaces between them.
std::string aligned_table(std::vector<std::vector<std::string>> const& rows);

}  // namespace templatefs::cli
