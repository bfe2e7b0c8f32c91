// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace templatefs::vm {

/// A newc cpio archive in memory, as the kernel unpacks it. The same calls give the same bytes: owner 0, time
/// 0, inode numbers by order.
class CpioWriter {
 public:
  /// Paths are relative ("bin/mkfs.xfs"); missing parent directories are added.
  void add_file(std::string_view path, std::string_view contents, unsigned mode);
  void add_directory(std::string_view path);
  void add_character_device(std::string_view path, unsigned major, unsigned minor, unsigned mode);
  /// Ends the archive. Call once.
  std::string finish();

 private:
  void add_parents(std::string_view path);
  void add_entry(std::string_view path, std::string_view contents, unsigned mode, unsigned major,
                 unsigned minor);

  std::string bytes_;
  std::set<std::string, std::less<>> directories_;
  unsigned next_inode_ = 1;
};

}  // namespace templatefs::vm
