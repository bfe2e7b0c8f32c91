// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::cache {

/// Where the store is: `option` (--store) if not empty, else TEMPLATEFS_STORE, else
/// XDG_CACHE_HOME/templatefs, else
/// ~/.cache/templatefs. Always absolute. Throws Error(EINVAL) where a variable is set but empty or relative,
/// or HOME is unset, empty, relative or "/": a store in a surprising place is worse than none.
std::string store_location(std::string const& option);

}  // namespace templatefs::cache
