// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/recipe.h"
#include "cli/toml_table.h"

#include <string>

namespace templatefs::cli {

/// A [recipe.<name>] table. Paths in it are relative to `directory`. Throws Error(EINVAL) with the place.
cache::Recipe read_recipe(std::string const& name, TomlTable table, std::string const& directory);

}  // namespace templatefs::cli
