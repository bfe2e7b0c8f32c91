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
///
/// Work of several phases begins each; a phase has a line of its own where lines are printed.
class TransferProgress {
 public:
  /// `total` in bytes, 0 where it is not known.
  TransferProgress(Progress::Style style, std::string what, std::int64_t total);
  ~TransferProgress();
  TransferProgress(TransferProgress const&) = delete;
  TransferProgress& operator=(TransferProgress const&) = delete;

  /// For work of several phases, none of which has begun.
  explicit TransferProgress(Progress::Style style) : TransferProgress(style, "", 0) {}

  void begin(std::string what, std::int64_t total);
  void advance(std::int64_t done);

 private:
  using Clock = std::chrono::steady_clock;

  std::string describe(std::int64_t done) const;
  void print_line(std::string const& line) const;
  void print_json(std::int64_t done) const;

  Progress::Mode const mode_;
  std::string what_;
  std::int64_t total_;
  Clock::time_point const started_ = Clock::now();
  Clock::time_point phase_started_ = started_;
  Clock::time_point next_;
  bool drawn_ = false;
  bool told_ = true;  // the phase has its line
};

}  // namespace templatefs::cli
