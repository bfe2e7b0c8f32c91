// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// What is known of one kind of filesystem. Adding a filesystem is adding a row to the table in
/// filesystem.cpp.
struct Filesystem {
  std::string_view name;                  // as in a path: "btrfs"
  std::string_view formatter;             // on PATH; empty for raw, which is not formatted
  std::string_view version_switch;        // the one that prints a version, which is not always --version
  std::string_view package;               // Debian's, for the remedy
  std::vector<std::string> arguments;     // always given; none of them changes the format chosen
  std::vector<std::string> config_files;  // the formatter's, packed where they exist and part of the key
  std::vector<std::string> modules;       // the kernel's, by name; their dependencies are found
  std::string_view mount_type;            // for mount(2); empty where it cannot be mounted
  std::string_view mount_options;         // for the guest's trial mount
  std::int64_t minimum_bytes;             // smallest capacity that the formatter accepts, measured
  std::int64_t magic_offset;              // the superblock's magic bytes, to tell a template from a torn file
  std::string_view magic;                 // empty for raw
  std::vector<std::string>
      check_command;  // fsck, read-only, the image's path last; for tests and verification
};

/// All of them, in the order they are listed to people.
std::span<Filesystem const> filesystems();
/// Null for an unknown name.
Filesystem const* find_filesystem(std::string_view name);

}  // namespace templatefs::vm
