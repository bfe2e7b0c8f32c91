// SPDX-License-Identifier: Apache-2.0
#include "vm/decompress.h"

#include "base/error.h"

#include <cerrno>
#include <memory>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

namespace templatefs::vm {

namespace {

struct FreeArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

[[noreturn]] void fail(archive* reader, std::string const& path) {
  char const* const words = archive_error_string(reader);
  int const err = archive_errno(reader);
  throw Error(err > 0 ? err : EIO,
              "read " + path + (words != nullptr ? " (" + std::string(words) + ")" : ""));
}

}  // namespace

std::string read_decompressed(std::string const& path) {
  std::unique_ptr<archive, FreeArchive> const reader(archive_read_new());
  if (!reader) throw Error(ENOMEM, "read " + path);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 16) != ARCHIVE_OK) fail(reader.get(), path);
  int const found = archive_read_next_header(reader.get(), &entry);
  if (found == ARCHIVE_EOF) return {};
  if (found != ARCHIVE_OK) fail(reader.get(), path);
  std::string out;
  std::vector<char> buffer(1 << 16);
  for (;;) {
    auto const got = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (got < 0) fail(reader.get(), path);
    if (got == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace templatefs::vm
