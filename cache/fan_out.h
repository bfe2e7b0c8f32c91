// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace templatefs::cache {

/// How a private image is made from a template, best first.
enum class Rung { reflink, copy };
std::string_view rung_name(Rung rung);

/// What the user allowed: climb down by trying, or insist.
enum class FanOutChoice { automatic, reflink_only, copy_only };

/// Makes private images on the best rung that this store's filesystem can do, found by trying. Thread-safe.
class FanOut {
 public:
  FanOut(Rung start, FanOutChoice choice) : rung_(start), choice_(choice) {}

  /// Makes `name` in the directory `dir` (O_EXCL, 0600) with the template's content and `bytes` bytes, and
  /// returns it open for reading and writing. On failure nothing is left. Throws Error: EEXIST where the name
  /// exists (it is untouched), ENOSPC, EIO and EACCES as they come; only EOPNOTSUPP, EXDEV, EINVAL and ENOTTY
  /// of the clone itself move down a rung, and EOPNOTSUPP surfaces where the user insisted on reflink.
  Fd make_image(int template_fd, std::int64_t bytes, int dir, std::string const& name);

  Rung rung() const noexcept { return rung_.load(); }

 private:
  void fill(int template_fd, std::int64_t bytes, int image, std::string const& name);

  std::atomic<Rung> rung_;
  FanOutChoice choice_;
};

/// Copies the data ranges of a sparse file into an empty one and gives it the same size; holes stay holes.
void copy_sparse(int from, int to, std::int64_t bytes);

}  // namespace templatefs::cache
