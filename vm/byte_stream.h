// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace templatefs::vm {

/// Bytes that are read once, from the beginning to the end, a piece at a time. One thread at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// The next piece, valid until the next call. Empty at the end, which is only reached where all before it
  /// is whole. Throws Error(EINVAL) saying where it is cut short or damaged.
  virtual std::string_view next() = 0;
};

/// The same bytes in blocks of one size, the last one shorter; the first may be looked at beforehand.
class BlockStream : public ByteStream {
 public:
  static constexpr std::size_t kBlock = 64 << 10;

  explicit BlockStream(ByteStream& from) : from_(from) {}

  std::string_view head();
  std::string_view next() override;

 private:
  void fill();

  ByteStream& from_;
  std::string_view rest_;  // of the last piece that was taken
  std::string block_;
  bool looked_ahead_ = false;
};

/// Writes a stream into an empty file, whole blocks of zeroes as holes, and returns its length. Throws Error:
/// EFBIG past `limit`, before anything beyond it is written; `subject` is for messages.
std::int64_t write_sparse(BlockStream& from, int to, std::int64_t limit, std::string const& subject);

/// What ends a stream that goes on for too long: the file `subject` holds more than `limit` bytes.
[[noreturn]] void refuse_as_too_large(std::string const& subject, std::int64_t limit);

}  // namespace templatefs::vm
