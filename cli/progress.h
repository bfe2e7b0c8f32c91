// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace templatefs::cli {

/// Shows several builds as they go: one line that is redrawn on a terminal, a dated line per phase otherwise,
/// both from 300 ms on; JSON lines with --json, nothing with --quiet. On standard error, but for JSON.
/// Thread-safe.
class Progress {
 public:
  /// Work that ends sooner than this is not worth a flicker.
  static constexpr std::chrono::milliseconds kQuietStart{300};
  enum class Style { automatic, json, quiet };
  static Style style_of(bool json, bool quiet) {
    return json ? Style::json : quiet ? Style::quiet : Style::automatic;
  }
  /// How a style shows on this standard error.
  enum class Mode { bar, lines, json, none };
  static Mode mode_of(Style style);
  /// Redraws the line of a terminal, cut to its width.
  static void draw(std::string const& line);
  /// "[#####...............]"
  static std::string bar(std::int64_t done, std::int64_t total);
  static void erase();

  /// `total` builds are coming.
  Progress(Style style, unsigned total);
  ~Progress();
  Progress(Progress const&) = delete;
  Progress& operator=(Progress const&) = delete;

  void phase(std::string const& what, std::string_view phase);
  void finished(std::string const& what);

 private:
  using Clock = std::chrono::steady_clock;
  struct Build {
    std::string phase;
    Clock::time_point started;
    bool told = false;  // its phase has its line
  };

  std::string describe() const;
  /// The lines that nobody was told yet, once the work has taken long enough to be worth any.
  void tell_phases();
  double seconds_since(Clock::time_point start) const;

  Mode const mode_;
  unsigned const total_;
  Clock::time_point const started_ = Clock::now();
  std::mutex mutex_;
  std::map<std::string, Build> running_;
  unsigned done_ = 0;
  std::jthread ticker_;  // last: it uses the rest
};

}  // namespace templatefs::cli
