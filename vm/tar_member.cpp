// SPDX-License-Identifier: Apache-2.0
#include "vm/tar_member.h"

#include "base/error.h"
#include "base/printable.h"

#include <algorithm>
#include <cerrno>

#include <archive.h>
#include <archive_entry.h>

namespace templatefs::vm {

namespace {

/// Names that are told to somebody whose archive has too many files.
constexpr unsigned kNamesTold = 5;

std::string name_of(archive_entry* entry) {
  for (char const* const name : {archive_entry_pathname(entry), archive_entry_pathname_utf8(entry)})
    if (name != nullptr) return printable(name);
  return "?";
}

}  // namespace

TarMember::TarMember(ByteStream& archive, std::string subject)
    : archive_(archive),
      subject_(std::move(subject)),
      reader_(make_archive_reader(subject_)),
      buffer_(BlockStream::kBlock) {
  archive_read_support_format_tar(reader_.get());
  if (archive_read_open(reader_.get(), this, nullptr, &TarMember::give_more, nullptr) != ARCHIVE_OK) refuse();
  if (!find_file()) throw Error(EINVAL, "import " + subject_ + ": it is a tar without any file in it");
}

long TarMember::give_more(archive* reader, void* self, void const** bytes) {
  auto& member = *static_cast<TarMember*>(self);
  try {
    auto const piece = member.archive_.next();
    *bytes = piece.data();
    return static_cast<long>(piece.size());
  } catch (...) {
    member.failure_ = std::current_exception();
    archive_set_error(reader, EIO, "the archive cannot be read");
    return -1;
  }
}

void TarMember::refuse() {
  if (failure_) std::rethrow_exception(failure_);
  throw Error(EINVAL, "import " + subject_ + ": its tar is damaged or cut short at byte " +
                          std::to_string(archive_filter_bytes(reader_.get(), 0)) + words_of(reader_.get()));
}

/// False at the end of the archive.
bool TarMember::find_file() {
  for (;;) {
    archive_entry* entry = nullptr;
    int const found = archive_read_next_header(reader_.get(), &entry);
    if (found == ARCHIVE_EOF) return false;
    // A warning is about a name that our locale cannot spell.
    if (found < ARCHIVE_WARN) refuse();
    bool const link =
        archive_entry_hardlink(entry) != nullptr || archive_entry_hardlink_utf8(entry) != nullptr;
    if (archive_entry_filetype(entry) != AE_IFREG || link) continue;
    name_ = name_of(entry);
    bytes_ = archive_entry_size(entry);
    return true;
  }
}

std::string_view TarMember::next() {
  if (ended_) return {};
  std::int64_t got = 0;
  if (!contents_ended_) got = archive_read_data(reader_.get(), buffer_.data(), buffer_.size());
  if (got < 0) refuse();
  contents_ended_ = got == 0;
  if (contents_ended_ && passed_ < bytes_) {
    // libarchive leaves out the hole at the end of a sparse member.
    got = std::min(bytes_ - passed_, static_cast<std::int64_t>(buffer_.size()));
    std::fill_n(buffer_.begin(), got, '\0');
  }
  passed_ += got;
  if (got == 0) require_only_file();
  return {buffer_.data(), static_cast<std::size_t>(got)};
}

void TarMember::require_only_file() {
  ended_ = true;
  auto const first = name_;
  std::string names = first;
  unsigned files = 1;
  while (files < kNamesTold && find_file()) {
    names += ", " + name_;
    ++files;
  }
  if (files > 1)
    throw Error(EINVAL,
                "import " + subject_ + ": it is a tar with several files: " + names +
                    (files == kNamesTold ? ", ..." : ""),
                "Unpack it, and import the one that is the disk.");
  name_ = first;
  // The end of a tar comes before that of the compressed data around it, whose checksum is last.
  while (!archive_.next().empty()) {
  }
}

}  // namespace templatefs::vm
