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

/// The child with that name, made where the grammar has it; null otherwise. `recipe` is what the name stands
/// for below the root. Under the table's mutex.
Node* find_or_make_child(Filesystem const& fs, NodeTable& nodes, Node& parent, std::string_view name,
                         cache::Recipe const* recipe);

}  // namespace templatefs::fusefs
