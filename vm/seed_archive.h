// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.h"
#include "vm/seed.h"

#include <stop_token>
#include <string>

struct stat;

namespace templatefs {
class Fd;
}

namespace templatefs::vm {

/// What the headers of a tar say.
struct ArchiveSeed {
  SeedSize size;
  /// ACLs as text, and none as the attribute the kernel knows: GNU tar has to be told to set the former, and
  /// then takes away the latter.
  bool textual_acls = false;
};

/// Opens a seed that is a file, without waiting for anybody: a fifo is refused. Throws Error.
Fd open_seed_file(std::string const& path, struct stat& st);

/// Reads the whole archive from the descriptor, by seeking past the contents where it is plain. `path` is for
/// messages. Throws Error(EINVAL): no tar, truncated or damaged, or a member or hard link whose name holds
/// "..".
ArchiveSeed scan_archive_seed(Fd const& file, std::string const& path);

/// By its first bytes. Throws Error.
bool is_compressed_archive(Fd const& file, std::string const& path);

/// Writes what a compressed file (gzip, bzip2, xz, zstd) decompresses to. Throws Error: EINVAL where it is
/// damaged or cut short, ENOSPC, ETIMEDOUT, ECANCELED.
void decompress_archive_seed(Fd const& from, std::string const& path, Fd const& to, Deadline deadline,
                             std::stop_token const& stop);

}  // namespace templatefs::vm
