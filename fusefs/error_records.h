// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/guarded.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace templatefs::fusefs {

/// One failed open.
struct ErrorRecord {
  std::int64_t at_ms;  // since the epoch
  std::string path;    // below the mount point
  Error error;         // shares its text with the other records of one failure
};

/// The last failures, newest last, bounded. Thread-safe.
class ErrorRecords {
 public:
  static constexpr std::size_t kKept = 1024;

  void add(std::string path, Error error);
  /// The newest one of a path.
  std::optional<ErrorRecord> find(std::string const& path) const;
  std::vector<ErrorRecord> all() const;
  bool empty() const;
  /// A later success of the same path makes its record history that would mislead.
  void clear(std::string const& path);

 private:
  Guarded<std::deque<ErrorRecord>> records_;
};

/// "2026-01-10T09:15:00Z ext4/1G/t1.img: EIO: <sentence>\n".
std::string to_line(ErrorRecord const& record);

}  // namespace templatefs::fusefs
