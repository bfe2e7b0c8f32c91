// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include "base/log.h"
#include "cli/json_output.h"
#include "cli/report_text.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;

}  // namespace

Progress::Mode Progress::mode_of(Style style) {
  if (style == Style::json) return Mode::json;
  if (style == Style::quiet) return Mode::none;
  return ::isatty(STDERR_FILENO) == 1 ? Mode::bar : Mode::lines;
}

Progress::Progress(Style style, unsigned total) : mode_(mode_of(style)), total_(total) {
  if (mode_ != Mode::bar && mode_ != Mode::lines) return;
  ticker_ = std::jthread([this](std::stop_token const& stop) {
    std::mutex own;
    std::condition_variable_any pause;
    std::unique_lock lock(own);
    while (!pause.wait_for(lock, stop, 100ms, [&] { return stop.stop_requested(); })) {
      std::lock_guard const guard(mutex_);
      if (mode_ == Mode::lines)
        tell_phases();
      else if (Clock::now() - started_ >= kQuietStart)
        draw(describe());
    }
  });
}

Progress::~Progress() {
  if (!ticker_.joinable()) return;
  ticker_.request_stop();
  ticker_.join();
  if (mode_ == Mode::bar) erase();
}

double Progress::seconds_since(Clock::time_point start) const {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void Progress::phase(std::string const& what, std::string_view phase) {
  std::lock_guard const guard(mutex_);
  auto& build = running_.try_emplace(what, Build{"", Clock::now(), false}).first->second;
  build.phase = phase;
  build.told = false;
  if (mode_ == Mode::lines) tell_phases();
  if (mode_ == Mode::json) {
    nlohmann::ordered_json const line = {
        {"message_type", "status"},
        {"schema", "templatefs.build-progress/1"},
        {"template", what},
        {"phase", phase},
        {"elapsed_ms", static_cast<std::int64_t>(seconds_since(build.started) * 1000)},
        {"done", done_},
        {"total", total_}};
    print_json_line(line);
    std::fflush(stdout);
  }
}

void Progress::tell_phases() {
  if (Clock::now() - started_ < kQuietStart) return;
  for (auto& [what, build] : running_)
    if (!std::exchange(build.told, true))
      std::fprintf(stderr, "[%8.3f] %s: %s\n", seconds_since(started_), what.c_str(), build.phase.c_str());
}

void Progress::finished(std::string const& what) {
  std::lock_guard const guard(mutex_);
  running_.erase(what);
  ++done_;
}

std::string Progress::describe() const {
  auto line = bar(done_, total_) + " " + std::to_string(done_) + "/" + std::to_string(total_);
  for (auto const& [what, build] : running_)
    line += format("  {} {} {:.1f} s", what, build.phase, seconds_since(build.started));
  return line;
}

std::string Progress::bar(std::int64_t done, std::int64_t total) {
  static constexpr std::int64_t kWidth = 20;
  auto const filled = static_cast<std::size_t>(
      total <= 0 ? kWidth : std::clamp(done * kWidth / total, std::int64_t{0}, kWidth));
  return "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "]";
}

void Progress::draw(std::string const& line) {
  std::fprintf(stderr, "\r\033[K%s", cut_to(line, terminal_size(STDERR_FILENO).columns - 1).c_str());
  std::fflush(stderr);
}

void Progress::erase() {
  std::fputs("\r\033[K", stderr);
}

}  // namespace templatefs::cli
