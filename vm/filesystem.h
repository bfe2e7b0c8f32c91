// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/uuid_form.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

class ImageDraft;

/// What is known of one kind of filesystem. Adding a filesystem is adding a row to the table in
/// filesystem.cpp.
struct Filesystem {
  static constexpr std::int64_t kNoMaximum = std::numeric_limits<std::int64_t>::max();
  /// As `mount_type`: swapped on and off instead of mounted.
  static constexpr std::string_view kSwapArea = "swap";

  std::string_view name;                       // as in a path: "btrfs"
  std::string_view formatter = {};             // on PATH; empty for raw, which is not formatted
  std::string_view version_switch = {};        // the one that prints a version, which is not always --version
  std::string_view package = {};               // Debian's, for the remedy
  bool common = false;                         // without its formatter templatefs counts as ill installed
  std::vector<std::string> arguments = {};     // always given; none of them changes the format chosen
  std::vector<std::string> config_files = {};  // the formatter's, packed where they exist and part of the key
  std::vector<std::string> modules = {};  // the kernel's, by name, the driver first; what they need is found
  std::string_view mount_type = {};       // for mount(2); empty where there is nothing to mount
  std::string_view mount_options = {};    // for the guest's trial mount
  // The capacities that the formatter fills without arguments of a recipe's own, measured. Versions differ:
  // the minimum is the largest, the maximum the smallest of theirs.
  std::int64_t minimum_bytes;
  std::int64_t maximum_bytes = kNoMaximum;
  std::int64_t magic_offset = 0;  // the superblock's magic bytes, to tell a template from a torn file
  std::string_view magic = {};    // empty for raw
  std::vector<std::string> check_command = {};  // fsck, read-only, the image's path last
  // How the formatter is told a label and a UUID, in one argument with the value behind it; empty where it
  // cannot be. Longer labels would be cut or refused.
  std::string_view label_option = {};
  std::size_t longest_label = 0;  // bytes
  std::string_view uuid_option = {};
  UuidForm uuid_form = UuidForm::uuid;
  void (*restamp)(ImageDraft& draft) = nullptr;  // for vm/restamp.h; null where it is not known how

  /// Whether files can be put into it.
  bool holds_files() const noexcept { return !mount_type.empty() && mount_type != kSwapArea; }
};

/// All of them, in the order they are listed to people.
std::span<Filesystem const> filesystems();
/// Null for an unknown name.
Filesystem const* find_filesystem(std::string_view name);
/// Whether an open disk image has the superblock's magic; true of a row that has none. Throws Error.
bool has_superblock(Filesystem const& filesystem, int fd);
/// The row that an open disk image's superblock is one of, ext4 for the whole ext family, whose driver mounts
/// them all. Null for none, a partitioned disk among them. Throws Error for what cannot be read.
Filesystem const* identify_filesystem(int fd);

}  // namespace templatefs::vm
