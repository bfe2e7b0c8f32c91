// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/transfer.h"

#include <cstdint>
#include <string>

namespace templatefs::vm {

/// What a disk image was read from, and what came of it.
struct DiskImage {
  std::string format;          // "raw", "qcow2", "vmdk", "vdi", "vhdx"
  std::string compression;     // "gzip", "bzip2", "xz", "zstd"; empty for none
  std::string member;          // its name in a tar, for people; empty where there is no tar
  std::int64_t bytes = 0;      // a multiple of kDiskBlock
  std::string content_sha256;  // ContentDigest
};

/// What disks are padded to.
inline constexpr std::int64_t kDiskBlock = 4096;

/// Makes `target`, a new file, of a disk image: sparse, raw, all blocks of zeroes being holes. What `file` is
/// its contents tell, not its name: one of the formats above, plain, compressed, or the only file of a tar
/// that may be compressed. A raw one is cloned where that can be done; what goes through memory does so 64
/// KiB at a time; another format inside something is unpacked to a file without a name in `scratch_dir`
/// first.
///
/// A file that is damaged, cut short or empty, or that refers to another file, is refused, and no other file
/// is ever opened. Nothing is left behind then. Throws Error: EINVAL; EFBIG where the disk, or what it is
/// packed in, has more than `max_bytes`; EAGAIN where the file changed meanwhile; ENOPKG without qemu-img;
/// ENOSPC; ECANCELED; ETIMEDOUT.
DiskImage read_disk_image(std::string const& file, std::string const& target, std::string const& scratch_dir,
                          std::int64_t max_bytes, Transfer const& transfer);

}  // namespace templatefs::vm
