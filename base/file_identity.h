// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sys/stat.h>

namespace templatefs {

/// Tells whether a file is still the one that was looked at, unchanged. All zero: there is none.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t mtime_ns = 0, ctime_ns = 0;

  static FileIdentity of(struct stat const& st) {
    return {st.st_dev, st.st_ino, static_cast<std::uint64_t>(st.st_size),
            st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec,
            st.st_ctim.tv_sec * 1'000'000'000 + st.st_ctim.tv_nsec};
  }
  friend bool operator==(FileIdentity const&, FileIdentity const&) = default;
};

}  // namespace templatefs
