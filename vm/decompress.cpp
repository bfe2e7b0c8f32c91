// SPDX-License-Identifier: Apache-2.0
#include "vm/decompress.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "vm/archive_reader.h"
#include "vm/gzip_stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

class PlainStream : public ByteStream {
 public:
  PlainStream(Fd const& file, std::string subject)
      : file_(file), subject_(std::move(subject)), buffer_(BlockStream::kBlock) {}

  std::string_view next() override {
    for (;;) {
      auto const got = ::read(file_.get(), buffer_.data(), buffer_.size());
      if (got >= 0) return {buffer_.data(), static_cast<std::size_t>(got)};
      if (errno != EINTR) throw_errno("read", subject_);
    }
  }

 private:
  Fd const& file_;
  std::string subject_;
  std::vector<char> buffer_;
};

/// libarchive's filters.
class FilteredStream : public ByteStream {
 public:
  FilteredStream(Fd const& file, std::string_view compression, std::string subject)
      : compression_(compression),
        subject_(std::move(subject)),
        reader_(make_decompressing_reader(subject_)),
        buffer_(BlockStream::kBlock) {
    archive_read_support_format_raw(reader_.get());
    archive_read_support_format_empty(reader_.get());
    if (archive_read_open_fd(reader_.get(), file.get(), buffer_.size()) != ARCHIVE_OK) refuse();
    archive_entry* entry = nullptr;
    int const found = archive_read_next_header(reader_.get(), &entry);
    empty_ = found == ARCHIVE_EOF;
    // Too little of a header to be recognised passes as no compression at all.
    if (found < ARCHIVE_OK || archive_filter_code(reader_.get(), 0) == ARCHIVE_FILTER_NONE) refuse();
    // libarchive goes on to what it finds inside, ours being the one above its file.
    if (archive_filter_count(reader_.get()) > 2)
      throw Error(EINVAL, "decompress " + subject_ + ": it is compressed once more, with " +
                              archive_filter_name(reader_.get(), 0));
  }

  std::string_view next() override {
    if (empty_) return {};
    auto const got = archive_read_data(reader_.get(), buffer_.data(), buffer_.size());
    if (got < 0) refuse();
    return {buffer_.data(), static_cast<std::size_t>(got)};
  }

 private:
  [[noreturn]] void refuse() {
    throw Error(EINVAL, "decompress " + subject_ + ": its " + std::string(compression_) +
                            " data are damaged or cut short at byte " +
                            std::to_string(std::max<la_int64_t>(archive_filter_bytes(reader_.get(), -1), 0)) +
                            words_of(reader_.get()));
  }

  std::string_view compression_;
  std::string subject_;
  ArchiveReader reader_;
  std::vector<char> buffer_;
  bool empty_ = false;
};

}  // namespace

std::string_view compression_of(std::string_view head) noexcept {
  using namespace std::string_view_literals;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kMagics{
      {{"gzip", "\x1f\x8b\x08"sv},
       {"xz",
        "\xfd"sv
        "7zXZ\0"sv},
       {"zstd", "\x28\xb5\x2f\xfd"sv}}};
  for (auto const& [name, magic] : kMagics)
    if (head.starts_with(magic)) return name;
  // "BZh", the level, and pi for a block or its square root for the end.
  if (head.size() > 3 && head.starts_with("BZh") && head[3] >= '1' && head[3] <= '9')
    for (auto const mark : {"\x31\x41\x59\x26\x53\x59"sv, "\x17\x72\x45\x38\x50\x90"sv})
      if (auto const rest = head.substr(4, mark.size()); mark.starts_with(rest)) return "bzip2";
  return {};
}

std::string_view compression_of(Fd const& file, std::string const& subject) {
  std::array<char, 16> head{};
  auto const got = check(::pread(file.get(), head.data(), head.size(), 0), "read", subject);
  return compression_of({head.data(), static_cast<std::size_t>(got)});
}

std::unique_ptr<ByteStream> open_decompressed(Fd const& file, std::string const& subject) {
  check(::lseek(file.get(), 0, SEEK_SET), "rewind", subject);
  auto const compression = compression_of(file, subject);
  if (!compression.empty() && compression != "gzip")
    return std::make_unique<FilteredStream>(file, compression, subject);
  std::unique_ptr<ByteStream> plain = std::make_unique<PlainStream>(file, subject);
  if (compression.empty()) return plain;
  return std::make_unique<GzipStream>(std::move(plain), subject);
}

std::string read_decompressed(std::string const& path) {
  Fd const file = open_at(AT_FDCWD, path, O_RDONLY);
  auto const stream = open_decompressed(file, path);
  std::string out;
  for (auto piece = stream->next(); !piece.empty(); piece = stream->next()) out += piece;
  return out;
}

}  // namespace templatefs::vm
