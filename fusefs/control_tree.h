// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

// MNT/.templatefs/: read-only, hidden from readdir of the root, never waits for a build.
namespace templatefs::fusefs {

/// The node that the grammar of .templatefs gives a name below `parent`, or null.
std::unique_ptr<Node> make_control_child(Node& parent, std::string_view name);

/// False only for a name below cache/ that the store does not have: asked before the table's mutex is taken.
bool control_child_exists(Filesystem& fs, fuse_ino_t parent, std::string_view name);

/// Names in a control directory.
std::vector<std::string> list_control(Filesystem& fs, fuse_ino_t directory);

/// Opens one. Null where the node is no control file. Throws Error.
std::unique_ptr<ControlFile> open_control_file(Filesystem& fs, fuse_ino_t number);

/// The store's path of a node below cache/, relative to the store; empty for other nodes.
std::string store_path_of(Node const& node);

}  // namespace templatefs::fusefs
