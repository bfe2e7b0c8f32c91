// SPDX-License-Identifier: Apache-2.0
#include "vm/gzip_stream.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>

namespace templatefs::vm {

namespace {

constexpr int kGzipOnly = MAX_WBITS + 16;

}  // namespace

GzipStream::GzipStream(std::unique_ptr<ByteStream> from, std::string subject)
    : from_(std::move(from)), subject_(std::move(subject)), output_(BlockStream::kBlock) {
  if (::inflateInit2(&state_, kGzipOnly) != Z_OK) throw Error(ENOMEM, "decompress " + subject_);
}

GzipStream::~GzipStream() {
  ::inflateEnd(&state_);
}

void GzipStream::refuse(std::string const& what) const {
  throw Error(EINVAL, "decompress " + subject_ + ": its gzip data " + what + " at byte " +
                          std::to_string(taken_ - static_cast<std::int64_t>(input_.size())));
}

void GzipStream::refill() {
  if (!input_.empty()) return;
  input_ = from_->next();
  taken_ += static_cast<std::int64_t>(input_.size());
}

/// False at the end.
bool GzipStream::begin_member() {
  do {
    refill();
    if (input_.empty()) return false;
    input_.remove_prefix(std::min(input_.find_first_not_of('\0'), input_.size()));
  } while (input_.empty());
  ::inflateReset(&state_);
  between_members_ = false;
  return true;
}

std::string_view GzipStream::next() {
  for (;;) {
    if (between_members_ && !begin_member()) return {};
    refill();
    bool const at_end = input_.empty();
    // zlib's interface is older than const.
    state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_.data()));
    state_.avail_in = static_cast<uInt>(input_.size());
    state_.next_out = reinterpret_cast<Bytef*>(output_.data());
    state_.avail_out = static_cast<uInt>(output_.size());
    int const result = ::inflate(&state_, Z_NO_FLUSH);
    input_.remove_prefix(input_.size() - state_.avail_in);
    auto const made = output_.size() - state_.avail_out;
    if (result == Z_STREAM_END)
      between_members_ = true;
    else if (result == Z_DATA_ERROR || result == Z_NEED_DICT)
      refuse(std::string("are damaged (") + (state_.msg != nullptr ? state_.msg : "zlib has no words") + ")");
    else if (result == Z_MEM_ERROR)
      throw Error(ENOMEM, "decompress " + subject_);
    else if (made == 0 && at_end)
      refuse("are cut short");
    if (made > 0) return {output_.data(), made};
  }
}

}  // namespace templatefs::vm
