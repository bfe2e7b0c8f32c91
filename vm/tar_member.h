// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/archive_reader.h"
#include "vm/byte_stream.h"

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace templatefs::vm {

/// The contents of the one regular file in a tar. Its name is nobody's path: "../x" and "/x" are but names.
/// Directories and links beside it do not count.
class TarMember : public ByteStream {
 public:
  /// Reads up to that member. `subject` is for messages. Throws Error(EINVAL): no regular file, no whole tar.
  TarMember(ByteStream& archive, std::string subject);
  TarMember(TarMember const&) = delete;
  TarMember& operator=(TarMember const&) = delete;

  std::string const& name() const noexcept { return name_; }
  std::int64_t bytes() const noexcept { return bytes_; }

  /// At the end everything behind the member was read. Throws Error(EINVAL) as well where that holds another
  /// regular file.
  std::string_view next() override;

 private:
  bool find_file();
  void require_only_file();
  [[noreturn]] void refuse();
  static long give_more(archive* reader, void* self, void const** bytes);

  ByteStream& archive_;
  std::string subject_;
  ArchiveReader reader_;
  std::exception_ptr failure_;  // of archive_, which must not pass through libarchive
  std::string name_;
  std::int64_t bytes_ = 0;
  std::int64_t passed_ = 0;
  std::vector<char> buffer_;
  bool contents_ended_ = false;
  bool ended_ = false;
};

}  // namespace templatefs::vm
