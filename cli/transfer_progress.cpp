// SPDX-License-Identifier: Apache-2.0
#include "cli/transfer_progress.h"

#include "base/capacity.h"
#include "base/log.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;

/// Copies that end sooner are not worth a flicker.
constexpr auto kQuietStart = 300ms;
constexpr auto kRedraw = 100ms;
constexpr auto kLineInterval = 10s;
constexpr auto kJsonInterval = 1s;

}  // namespace

TransferProgress::TransferProgress(Progress::Style style, std::string what, std::int64_t total)
    : mode_(style == Progress::Style::json    ? Mode::json
            : style == Progress::Style::quiet ? Mode::none
            : ::isatty(STDERR_FILENO) == 1    ? Mode::bar
                                              : Mode::lines),
      what_(std::move(what)),
      total_(total),
      next_(started_ +
            (mode_ == Mode::lines ? Clock::duration(kLineInterval) : Clock::duration(kQuietStart))) {}

TransferProgress::~TransferProgress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void TransferProgress::advance(std::int64_t done) {
  auto const now = Clock::now();
  if (mode_ == Mode::none || now < next_) return;
  double const seconds = std::chrono::duration<double>(now - started_).count();
  switch (mode_) {
    case Mode::bar:
      std::fprintf(stderr, "\r\033[K%s", describe(done, seconds).c_str());
      std::fflush(stderr);
      drawn_ = true;
      next_ = now + kRedraw;
      break;
    case Mode::lines:
      std::fprintf(stderr, "[%8.3f] %s\n", seconds, describe(done, seconds).c_str());
      next_ = now + kLineInterval;
      break;
    case Mode::json:
      print_json(done, seconds);
      next_ = now + kJsonInterval;
      break;
    case Mode::none:
      break;
  }
}

std::string TransferProgress::describe(std::int64_t done, double seconds) const {
  auto const rate = static_cast<double>(done) / seconds;
  std::string out = format("{}: {}", what_, human_size(done));
  if (total_ > 0) out += format(" of {}, {} %", human_size(total_), 100 * done / total_);
  out += format(", {}/s", human_size(static_cast<std::int64_t>(rate)));
  if (total_ > 0 && rate > 0)
    out += format(", {:.0f} s left", static_cast<double>(std::max<std::int64_t>(0, total_ - done)) / rate);
  return out;
}

void TransferProgress::print_json(std::int64_t done, double seconds) const {
  nlohmann::ordered_json line = {{"message_type", "status"},
                                 {"what", what_},
                                 {"bytes_done", done},
                                 {"elapsed_ms", static_cast<std::int64_t>(seconds * 1000)}};
  if (total_ > 0) {
    line["bytes_total"] = total_;
    line["percent_done"] = 100 * done / total_;
  }
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace templatefs::cli
