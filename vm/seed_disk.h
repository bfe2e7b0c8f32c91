// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.h"
#include "base/fd.h"
#include "vm/archiver.h"
#include "vm/console_log.h"
#include "vm/seed.h"

#include <stop_token>
#include <string>

#include <sys/stat.h>

namespace templatefs::vm {

struct Filesystem;

/// A seed in the form in which the guest gets it, as its second disk: an uncompressed tar or a filesystem.
class SeedDisk {
 public:
  struct Surroundings {
    std::string directory;  // where a tar may be written that has no name
    ConsoleLog& log;
    Deadline deadline;
    std::stop_token const& stop;
  };

  /// A plain tar and an image are used as they are; a directory is packed and a compressed tar decompressed
  /// into an unnamed file. Throws Error: as seed_size does; ENOSPC; ETIMEDOUT; ECANCELED; EAGAIN where a
  /// directory changed while it was read.
  SeedDisk(Seed const& seed, Archiver const& archiver, Surroundings const& surroundings);

  Fd const& file() const noexcept { return file_; }
  std::int64_t bytes() const noexcept;  // as the guest sees it: whole sectors
  SeedSize const& size() const noexcept { return size_; }
  bool textual_acls() const noexcept { return textual_acls_; }

  /// Throws Error(EAGAIN) where the seed's own file was written to since this was made.
  void require_unchanged() const;

 private:
  void pack_directory(Archiver const& archiver, Surroundings const& surroundings);
  void open_archive(Surroundings const& surroundings);

  Seed seed_;
  Fd file_;
  struct stat made_from_ = {};
  SeedSize size_;
  bool textual_acls_ = false;
};

/// Whether a SeedDisk has to write a tar first, which takes as long as reading the seed.
bool must_be_packed(Seed const& seed);

/// The filesystem in an image, by its magic. Throws Error(EINVAL) where it is none of the table's (a
/// partitioned disk, a qcow2 file), or the subpath is not absolute or holds "..".
Filesystem const& filesystem_in_image(Seed const& seed);

}  // namespace templatefs::vm
