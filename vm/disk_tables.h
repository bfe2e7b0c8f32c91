// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace templatefs {
class Fd;
}

namespace templatefs::vm {

/// A file in one of the formats for sparse disks, as its tables are read. Whatever is in it may be made up.
struct TableFile {
  Fd const& file;
  std::string const& subject;  // for messages

  /// Throws Error(EINVAL) where the file ends before.
  std::string read(std::int64_t offset, std::int64_t bytes) const;
  [[noreturn]] void refuse(std::string const& what, std::string const& remedy = {}) const;
};

// What disk_format.h promises, a function per format. Each end is that of the last byte which the tables say
// is in the file, and that the disk needs.

void require_self_contained_qcow2(TableFile const& file);
std::int64_t end_of_qcow2(TableFile const& file);

void require_self_contained_vmdk(TableFile const& file);
std::int64_t end_of_vmdk(TableFile const& file);

std::int64_t end_of_vdi(TableFile const& file);

// Numbers in bytes that were read.
std::uint64_t big64(std::string const& bytes, std::size_t at);
std::uint32_t big32(std::string const& bytes, std::size_t at);
std::uint64_t little64(std::string const& bytes, std::size_t at);
std::uint32_t little32(std::string const& bytes, std::size_t at);

}  // namespace templatefs::vm
