// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <atomic>
#include <cstdint>
#include <functional>
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

  /// Makes `name` in the directory `dir` (O_EXCL, 0600) with the content of the template, which has `bytes`
  /// bytes, and returns it open for reading and writing. With `grown_to` it is then made that large, which
  /// writes nothing; `finish`, if any, is called with it last. On failure, its own included, nothing is left.
  /// Throws Error: EEXIST where the name exists (it is untouched), ENOSPC, EIO and EACCES as they come; only
  /// EOPNOTSUPP, EXDEV, EINVAL and ENOTTY of the clone itself move down a rung, and EOPNOTSUPP surfaces where
  /// the user insisted on reflink.
  Fd make_image(int template_fd, std::int64_t bytes, int dir, std::string const& name,
                std::int64_t grown_to = 0, std::function<void(int image)> const& finish = {});

  Rung rung() const noexcept { return rung_.load(); }

 private:
  void fill(int template_fd, std::int64_t bytes, int image, std::string const& name);

  std::atomic<Rung> rung_;
  FanOutChoice choice_;
};

}  // namespace templatefs::cache
