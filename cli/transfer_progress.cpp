// SPDX-License-Identifier: Apache-2.0
#include "cli/transfer_progress.h"

#include "base/capacity.h"
#include "base/log.h"
#include "cli/json_output.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kRedraw = 100ms;
constexpr auto kLineInterval = 10s;
constexpr auto kJsonInterval = 1s;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TransferProgress::TransferProgress(Progress::Style style, std::string what, std::int64_t total)
    : mode_(Progress::mode_of(style)),
      what_(std::move(what)),
      total_(total),
      next_(started_ + (mode_ == Progress::Mode::lines ? Clock::duration(kLineInterval)
                                                       : Clock::duration(Progress::kQuietStart))) {}

TransferProgress::~TransferProgress() {
  if (drawn_) Progress::erase();
}

void TransferProgress::begin(std::string what, std::int64_t total) {
  what_ = std::move(what);
  total_ = total;
  phase_started_ = Clock::now();
  if (mode_ == Progress::Mode::json) print_json(0);
  if (mode_ != Progress::Mode::lines) return;
  told_ = false;
  // The first of them may be over before it is worth a line.
  next_ = started_ + Progress::kQuietStart;
  advance(0);
}

void TransferProgress::advance(std::int64_t done) {
  auto const now = Clock::now();
  if (mode_ == Progress::Mode::none || now < next_) return;
  switch (mode_) {
    case Progress::Mode::bar:
      Progress::draw((total_ > 0 ? Progress::bar(done, total_) + " " : "") + describe(done) + "  " + what_);
      drawn_ = true;
      next_ = now + kRedraw;
      break;
    case Progress::Mode::lines:
      print_line(std::exchange(told_, true) ? what_ + ": " + describe(done) : what_);
      next_ = now + kLineInterval;
      break;
    case Progress::Mode::json:
      print_json(done);
      next_ = now + kJsonInterval;
      break;
    case Progress::Mode::none:
      break;
  }
}

std::string TransferProgress::describe(std::int64_t done) const {
  auto const rate = static_cast<double>(done) / seconds_since(phase_started_);
  auto out = human_size(done);
  if (total_ > 0) out += format(" of {}, {} %", human_size(total_), 100 * done / total_);
  out += format(", {}/s", human_size(static_cast<std::int64_t>(rate)));
  if (total_ > 0 && rate > 0)
    out += format(", {:.0f} s left", static_cast<double>(std::max<std::int64_t>(0, total_ - done)) / rate);
  return out;
}

void TransferProgress::print_line(std::string const& line) const {
  std::fprintf(stderr, "[%8.3f] %s\n", seconds_since(started_), line.c_str());
}

void TransferProgress::print_json(std::int64_t done) const {
  nlohmann::ordered_json line = {{"message_type", "status"},
                                 {"schema", "templatefs.transfer-progress/1"},
                                 {"what", what_},
                                 {"bytes_done", done},
                                 {"elapsed_ms", static_cast<std::int64_t>(seconds_since(started_) * 1000)}};
  if (total_ > 0) {
    line["bytes_total"] = total_;
    line["percent_done"] = 100 * done / total_;
  }
  print_json_line(line);
  std::fflush(stdout);
}

}  // namespace templatefs::cli
