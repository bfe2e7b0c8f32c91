// SPDX-License-Identifier: Apache-2.0
#include "vm/seed_archive.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "vm/archive_reader.h"
#include "vm/decompress.h"

#include <cerrno>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

constexpr std::size_t kBufferBytes = 1 << 18;
constexpr char kWhatASeedIs[] =
    "A seed is a directory, or a tar, plain or compressed with gzip, bzip2, xz or zstd";

[[noreturn]] void refuse(archive* reader, std::string const& path, std::string const& remedy) {
  throw Error(EINVAL, "read the seed " + path + words_of(reader), remedy);
}

void open_reader(archive* reader, Fd const& file, std::string const& path) {
  check(::lseek(file.get(), 0, SEEK_SET), "rewind the seed", path);
  if (archive_read_open_fd(reader, file.get(), kBufferBytes) != ARCHIVE_OK)
    refuse(reader, path, kWhatASeedIs);
}

bool leads_out(char const* name) {
  if (name == nullptr) return false;
  std::string const padded = "/" + std::string(name) + "/";
  return padded.find("/../") != std::string::npos;
}

void require_inside(archive_entry* entry, std::string const& path) {
  // No name where it cannot be told in our locale: GNU tar, in the guest, refuses such members as well.
  for (char const* const name : {archive_entry_pathname(entry), archive_entry_pathname_utf8(entry),
                                 archive_entry_hardlink(entry), archive_entry_hardlink_utf8(entry)})
    if (leads_out(name))
      throw Error(EINVAL, "read the seed " + path + " (its member " + name + " leads out of it)",
                  "Make the archive from inside the directory, with -C");
}

std::int64_t data_bytes(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_hardlink_utf8(entry) != nullptr) return 0;
  if (archive_entry_sparse_reset(entry) == 0) return archive_entry_size(entry);
  std::int64_t bytes = 0;
  la_int64_t offset = 0, length = 0;
  while (archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK) bytes += length;
  return bytes;
}

bool has_binary_acl(archive_entry* entry) {
  char const* name = nullptr;
  void const* value = nullptr;
  std::size_t size = 0;
  archive_entry_xattr_reset(entry);
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    if (name != nullptr && std::string_view(name).starts_with("system.posix_acl_")) return true;
  return false;
}

}  // namespace

Fd open_seed_file(std::string const& path, struct stat& st) {
  Fd file = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  check(::fstat(file.get(), &st), "read the seed", path);
  if (!S_ISREG(st.st_mode)) throw Error(EINVAL, "read the seed " + path + " (it is no regular file)");
  return file;
}

ArchiveSeed scan_archive_seed(Fd const& file, std::string const& path) {
  auto const reader = make_decompressing_reader("the seed " + path);
  archive_read_support_format_tar(reader.get());
  open_reader(reader.get(), file, path);
  ArchiveSeed seed;
  bool binary_acls = false;
  for (;;) {
    archive_entry* entry = nullptr;
    int const found = archive_read_next_header(reader.get(), &entry);
    if (found == ARCHIVE_EOF) break;
    // A warning is about a name that our locale cannot spell.
    if (found < ARCHIVE_WARN) refuse(reader.get(), path, kWhatASeedIs);
    require_inside(entry, path);
    ++seed.size.entries;
    seed.size.data += data_bytes(entry);
    seed.textual_acls = seed.textual_acls || archive_entry_acl_types(entry) != 0;
    binary_acls = binary_acls || has_binary_acl(entry);
  }
  seed.textual_acls = seed.textual_acls && !binary_acls;
  return seed;
}

bool is_compressed_archive(Fd const& file, std::string const& path) {
  return !compression_of(file, "the seed " + path).empty();
}

void decompress_archive_seed(Fd const& from, std::string const& path, Fd const& to, Deadline deadline,
                             std::stop_token const& stop) {
  auto const contents = open_decompressed(from, "the seed " + path);
  for (auto piece = contents->next(); !piece.empty(); piece = contents->next()) {
    if (stop.stop_requested()) throw Error(ECANCELED, "decompress the seed " + path);
    if (deadline.passed()) throw Error(ETIMEDOUT, "decompress the seed " + path);
    write_all(to.get(), piece, "the decompressed seed");
  }
}

}  // namespace templatefs::vm
