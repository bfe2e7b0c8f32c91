// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <cstdint>
#include <optional>
#include <string>

namespace templatefs::cache {

/// A reflink-capable filesystem of our own, for hosts whose disk cannot reflink: a sparse file beside the
/// store's directory, formatted on the host and loop-mounted on that directory with direct I/O and discard.
/// Needs root.
///
/// Users of it hold a shared flock on the file; the last one to leave unmounts it, and the loop device goes
/// with the mount; a store that was given to another user, who could not mount it again, stays mounted. After
/// a crash the mount stays and the next start uses it as it is.
class LoopStore {
 public:
  /// Mounts `store_path`'s loop file, making it with `bytes` (or a default: 20 GiB, at most 80 % of the free
  /// space) where there is none. Throws Error: ENOPKG without a formatter for it, ENOSPC where `bytes` does
  /// not fit, EPERM without loop devices.
  static LoopStore mount(std::string const& store_path, std::optional<std::int64_t> bytes);
  static bool exists(std::string const& store_path);
  /// The least that one may have, and the most that it may take of a directory's free space, in bytes. Throws
  /// Error.
  static constexpr std::int64_t kSmallestBytes = std::int64_t{512} << 20;
  static std::int64_t room_in(std::string const& directory);
  /// Why root could not even try here, as in most containers; empty where it may.
  static std::optional<std::string> impossible();

  LoopStore(LoopStore&&) noexcept = default;
  LoopStore& operator=(LoopStore&&) = delete;
  ~LoopStore();

  /// From now on it stays mounted for those who may not mount it, until one of root's leaves it as the last.
  void stay() noexcept { file_.reset(); }

  /// Whether the file was made by this call.
  bool created() const noexcept { return created_; }

 private:
  LoopStore(std::string store_path, Fd file, bool created)
      : store_path_(std::move(store_path)), file_(std::move(file)), created_(created) {}

  std::string store_path_;
  Fd file_;  // holds the shared flock
  bool created_;
};

}  // namespace templatefs::cache
