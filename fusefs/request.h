// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "fusefs/libfuse.h"

#include <exception>
#include <string_view>
#include <utility>

#include <sys/stat.h>
#include <sys/statvfs.h>

namespace templatefs::fusefs {

/// A fuse_req_t that is answered exactly once. Any reply frees libfuse's request, so a reply empties this
/// object; a second one is a programming error and does nothing, and a forgotten one becomes EIO in the
/// destructor.
class Request {
 public:
  explicit Request(fuse_req_t req) noexcept : req_(req) {}
  Request(Request&& other) noexcept : req_(std::exchange(other.req_, nullptr)) {}
  Request& operator=(Request&&) = delete;
  ~Request() {
    if (req_ != nullptr) error(EIO);
  }

  explicit operator bool() const noexcept { return req_ != nullptr; }
  fuse_req_t get() const noexcept { return req_; }
  fuse_ctx const& caller() const noexcept { return *fuse_req_ctx(req_); }
  /// Gives up the request to somebody who answers it later.
  fuse_req_t release() noexcept { return std::exchange(req_, nullptr); }

  void error(int err) noexcept { fuse_reply_err(take(), err); }
  void success() noexcept { error(0); }
  void attr(struct stat const& st, double timeout) noexcept { fuse_reply_attr(take(), &st, timeout); }
  void link(char const* target) noexcept { fuse_reply_readlink(take(), target); }
  void bytes(std::string_view data) noexcept { fuse_reply_buf(take(), data.data(), data.size()); }
  void data(fuse_bufvec& source) noexcept { fuse_reply_data(take(), &source, FUSE_BUF_SPLICE_MOVE); }
  void written(std::size_t count) noexcept { fuse_reply_write(take(), count); }
  void filesystem(struct statvfs const& st) noexcept { fuse_reply_statfs(take(), &st); }
  void xattr_size(std::size_t size) noexcept { fuse_reply_xattr(take(), size); }
  void offset(off_t at) noexcept { fuse_reply_lseek(take(), at); }
  /// False where the kernel did not take the answer (the caller was interrupted): undo what it stood for.
  [[nodiscard]] bool entry(fuse_entry_param const& entry) noexcept {
    return fuse_reply_entry(take(), &entry) != -ENOENT;
  }
  [[nodiscard]] bool open(fuse_file_info const& info) noexcept {
    return fuse_reply_open(take(), &info) != -ENOENT;
  }

 private:
  fuse_req_t take() noexcept { return std::exchange(req_, nullptr); }
  fuse_req_t req_;
};

/// The boundary between libfuse's C and our exceptions: runs an operation, and answers with the errno of
/// whatever leaves it. A forgotten answer is EIO.
template <class F>
void answer(fuse_req_t req, F&& operation) noexcept {
  Request request(req);
  try {
    std::forward<F>(operation)(request);
  } catch (...) {
    int const err = to_error(std::current_exception()).err();
    if (request) request.error(err);
  }
}

}  // namespace templatefs::fusefs
