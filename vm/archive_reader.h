// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

struct archive;

namespace templatefs::vm {

struct FreeArchive {
  void operator()(archive* reader) const;
};
/// libarchive's reader.
using ArchiveReader = std::unique_ptr<archive, FreeArchive>;

/// A reader without a format yet. `subject` is for messages. Throws Error(ENOMEM).
ArchiveReader make_archive_reader(std::string const& subject);
/// The same, which looks through gzip, bzip2, xz and zstd.
ArchiveReader make_decompressing_reader(std::string const& subject);
/// " (libarchive's words)", or nothing where it has none.
std::string words_of(archive* reader);

}  // namespace templatefs::vm
