// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/byte_stream.h"

#include <memory>
#include <vector>

#include <zlib.h>

namespace templatefs::vm {

/// What gzip's format decompresses to, of any number of members. By zlib, as libarchive (3.6) looks neither
/// at a member's checksum nor at its length. Zeroes after the last member are padding.
class GzipStream : public ByteStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> from, std::string subject);
  ~GzipStream() override;
  GzipStream(GzipStream const&) = delete;
  GzipStream& operator=(GzipStream const&) = delete;

  std::string_view next() override;

 private:
  bool begin_member();
  void refill();
  [[noreturn]] void refuse(std::string const& what) const;

  std::unique_ptr<ByteStream> from_;
  std::string subject_;
  z_stream state_{};
  std::string_view input_;
  std::int64_t taken_ = 0;  // from from_, what is left of input_ included
  std::vector<char> output_;
  bool between_members_ = true;
};

}  // namespace templatefs::vm
