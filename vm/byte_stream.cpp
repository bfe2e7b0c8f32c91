// SPDX-License-Identifier: Apache-2.0
#include "vm/byte_stream.h"

#include "base/capacity.h"
#include "base/content_digest.h"
#include "base/error.h"
#include "base/files.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

namespace templatefs::vm {

void BlockStream::fill() {
  block_.clear();
  while (block_.size() < kBlock) {
    if (rest_.empty()) rest_ = from_.next();
    if (rest_.empty()) return;
    auto const piece = rest_.substr(0, kBlock - block_.size());
    block_ += piece;
    rest_.remove_prefix(piece.size());
  }
}

std::string_view BlockStream::head() {
  if (!looked_ahead_) fill();
  looked_ahead_ = true;
  return block_;
}

std::string_view BlockStream::next() {
  if (!looked_ahead_) fill();
  looked_ahead_ = false;
  return block_;
}

std::int64_t write_sparse(BlockStream& from, int to, std::int64_t limit, std::string const& subject) {
  std::int64_t at = 0;
  for (auto block = from.next(); !block.empty(); block = from.next()) {
    auto const bytes = static_cast<std::int64_t>(block.size());
    if (bytes > limit - at) refuse_as_too_large(subject, limit);
    if (!is_zero(block)) write_all_at(to, block, at, "what " + subject + " holds");
    at += bytes;
  }
  check(::ftruncate(to, at), "set the length of", "what " + subject + " holds");
  return at;
}

void refuse_as_too_large(std::string const& subject, std::int64_t limit) {
  throw Error(EFBIG, "read " + subject + ": it holds more than " + human_size(limit),
              "Say --max-capacity with a larger size if you trust it.");
}

}  // namespace templatefs::vm
