// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/capacity.h"
#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace templatefs::vm {

/// What a template is filled from after it was formatted. The guest's kernel puts it in, through a mount of
/// the fresh filesystem; nothing of it passes through our memory but a buffer at a time.
struct Seed {
  enum class Kind {
    directory,  // the contents of a directory of the host, its own mode, owner and time included
    tar,        // plain, or compressed with gzip, bzip2, xz or zstd, which is found out by looking
    image,      // a directory inside an unpartitioned disk image whose filesystem is in our table
  };
  Kind kind;
  std::string path;          // absolute, on the host
  std::string subpath = {};  // inside the image, "/..."; empty otherwise

  bool operator==(Seed const&) const = default;
};

/// How much a seed puts in: a lower bound, of what it holds itself. No filesystem's own needs are in it.
struct SeedSize {
  std::int64_t data = 0;     // bytes that are no holes, each hard-linked file once
  std::int64_t entries = 0;  // names
  /// Nothing stores a name and its inode in less than this many bytes.
  static constexpr std::int64_t kEntryBytes = 256;
  std::int64_t bytes() const { return data + entries * kEntryBytes; }
};

/// Reads a directory's tree or a tar's headers (a compressed tar whole). Of an image nothing is known before
/// a guest has mounted it: zero. Throws Error: ENOENT and the like for what cannot be read; EINVAL for what
/// is no seed, a truncated or damaged archive, or an archive with a member that leads out of it ("..").
SeedSize seed_size(Seed const& seed);

/// seed_size().bytes(): what cannot be fitted into less.
std::int64_t seed_bytes(Seed const& seed);

/// A capacity in which the seed has room on any filesystem of the table, with as much again to spare: twice
/// the data and 256 MiB, or what ext4 must have to make that many inodes; 512 MiB at least, in steps of 64
/// MiB.
Capacity comfortable_capacity(SeedSize size);

/// The same for a seed; an image may hold as much as it has allocated. Throws as seed_size does.
Capacity comfortable_capacity(Seed const& seed);

/// Throws Error(ENOSPC) "needs at least ..." where the seed cannot be got into the capacity.
void require_room(Seed const& seed, SeedSize size, Capacity capacity);
/// That error, for a seed that turned out not to fit.
Error does_not_fit(Seed const& seed, SeedSize size, Capacity capacity);

/// What decides the bytes that a seed puts in, as hex: of a tar and an image the SHA-256 of the file (of an
/// image with the subpath). Of a directory a digest over the sorted walk (seed_directory.h), not over the
/// contents: it is asked for with every key, and must not read gigabytes for that. Throws as seed_size does.
std::string seed_digest(Seed const& seed);

/// What to add to a build's time limit for putting that much in under TCG, the slowest that we run on.
std::chrono::seconds fill_time(Seed const& seed, SeedSize size);

}  // namespace templatefs::vm
