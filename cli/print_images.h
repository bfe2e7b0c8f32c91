// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/store.h"

#include <string>

namespace templatefs::cli {

/// `ls --images`: the private images in a store, null where there is none yet at `path`.
void print_images(cache::Store const* store, std::string const& path, bool json);

}  // namespace templatefs::cli
