// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <optional>
#include <string_view>

namespace templatefs::fusefs {

/// Resolves one name, counting a kernel reference. Empty for a name that does not exist, at no cost that
/// stays. Throws Error (the store's).
std::optional<fuse_entry_param> lookup_child(Filesystem& fs, fuse_ino_t parent, std::string_view name,
                                             fuse_ctx const& asker);

}  // namespace templatefs::fusefs
