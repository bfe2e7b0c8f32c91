// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/store.h"

#include <string>

namespace templatefs::cli {

/// `ls --images`: the private images in a store, null where there is none yet at `path`. `detailed` syncs
/// each of them, and asks their mounts.
void print_images(cache::Store const* store, std::string const& path, bool detailed, bool json);

}  // namespace templatefs::cli
