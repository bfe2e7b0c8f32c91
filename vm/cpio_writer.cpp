// SPDX-License-Identifier: Apache-2.0
#include "vm/cpio_writer.h"

#include <cstdio>

#include <sys/stat.h>

namespace templatefs::vm {

void CpioWriter::add_file(std::string_view path, std::string_view contents, unsigned mode) {
  add_parents(path);
  add_entry(path, contents, S_IFREG | mode, 0, 0);
}

void CpioWriter::add_directory(std::string_view path) {
  if (!directories_.emplace(path).second) return;
  add_parents(path);
  add_entry(path, {}, S_IFDIR | 0755, 0, 0);
}

void CpioWriter::add_character_device(std::string_view path, unsigned major, unsigned minor, unsigned mode) {
  add_parents(path);
  add_entry(path, {}, S_IFCHR | mode, major, minor);
}

void CpioWriter::add_parents(std::string_view path) {
  if (auto const slash = path.rfind('/'); slash != std::string_view::npos)
    add_directory(path.substr(0, slash));
}

void CpioWriter::add_entry(std::string_view path, std::string_view contents, unsigned mode, unsigned major,
                           unsigned minor) {
  // newc, Documentation/driver-api/early-userspace/buffer-format.rst: magic, then 13 fields of 8 hex digits:
  // ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize chksum; name and data padded to 4 bytes.
  auto const pad = [this] { bytes_.append((4 - bytes_.size() % 4) % 4, '\0'); };
  char header[111];
  std::snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
                next_inode_++, mode, 0u, 0u, 1u, 0u, contents.size(), 0u, 0u, major, minor, path.size() + 1,
                0u);
  bytes_.append(header).append(path).push_back('\0');
  pad();
  bytes_.append(contents);
  pad();
}

std::string CpioWriter::finish() {
  next_inode_ = 0;
  add_entry("TRAILER!!!", {}, 0, 0, 0);
  return std::move(bytes_);
}

}  // namespace templatefs::vm
