// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <optional>
#include <string>

namespace templatefs::fusefs {

/// Why a path below the mount point could not be opened, or cannot be: the record of its last failure, else
/// what the grammar and the capacities say, else that nothing is known against it. Waits for nothing. Ends in
/// a newline.
std::string explain_path(Filesystem& fs, std::string const& path);

/// The grammar's part of it, which needs no mount: why this path names no image; empty where it does.
std::optional<Error> explain_grammar(cache::RecipeBook const& recipes, Capacity largest,
                                     std::string const& path);

}  // namespace templatefs::fusefs
