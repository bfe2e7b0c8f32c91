// SPDX-License-Identifier: Apache-2.0
#include "vm/archive_reader.h"

#include "base/error.h"

#include <cerrno>

#include <archive.h>

namespace templatefs::vm {

void FreeArchive::operator()(archive* reader) const {
  archive_read_free(reader);
}

ArchiveReader make_archive_reader(std::string const& subject) {
  ArchiveReader reader(archive_read_new());
  if (!reader) throw Error(ENOMEM, "read " + subject);
  return reader;
}

ArchiveReader make_decompressing_reader(std::string const& subject) {
  auto reader = make_archive_reader(subject);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  return reader;
}

std::string words_of(archive* reader) {
  char const* const words = archive_error_string(reader);
  return words != nullptr ? " (" + std::string(words) + ")" : "";
}

}  // namespace templatefs::vm
