// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/progress.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace templatefs::cli {

/// How far one long copy is, with its rate and the time left: a line that is redrawn on a terminal, a line
/// every ten seconds otherwise, JSON lines with --json, nothing with --quiet. On standard error, but for
/// JSON. A copy that is over at once shows nothing. One thread at a time.
class TransferProgress {
 public:
  /// `total` in bytes, 0 where it is not known.
  TransferProgress(Progress::Style style, std::string what, std::int64_t total);
  ~TransferProgress();
  TransferProgress(TransferProgress const&) = delete;
  TransferProgress& operator=(TransferProgress const&) = delete;

  void advance(std::int64_t done);

 private:
  using Clock = std::chrono::steady_clock;

  std::string describe(std::int64_t done, double seconds) const;
  void print_json(std::int64_t done, double seconds) const;

  enum class Mode { bar, lines, json, none };
  Mode mode_;
  std::string const what_;
  std::int64_t const total_;
  Clock::time_point const started_ = Clock::now();
  Clock::time_point next_;
  bool drawn_ = false;
};

}  // namespace templatefs::cli
