// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include <spdlog/sinks/base_sink.h>

namespace templatefs {

/// In front of another sink: what is said more often than a few times within a while is counted, and told
/// once when the while is over: "... repeated 195 times". Told with the next record of any kind, by flush(),
/// and before the sink behind is let go. Thread-safe.
///
/// spdlog's dup_filter_sink folds consecutive records only, and keeps the number to itself until another one
/// comes.
class LogRepeats : public spdlog::sinks::base_sink<std::mutex> {
 public:
  static constexpr unsigned kTold = 5;
  static constexpr std::chrono::seconds kWhile{10};
  /// Of different records that are remembered.
  static constexpr std::size_t kMost = 256;

  explicit LogRepeats(spdlog::sink_ptr out = nullptr) : out_(std::move(out)) {}

  /// From now on to that one, or, with null, nowhere.
  void redirect(spdlog::sink_ptr out);

 protected:
  void sink_it_(spdlog::details::log_msg const& record) override;
  void flush_() override;

 private:
  using Time = spdlog::log_clock::time_point;
  struct Said {
    spdlog::level::level_enum level;
    Time since;
    unsigned times = 0;
    std::string text = {};  // of the last one that was not told
  };
  void pass_on(spdlog::details::log_msg const& record);
  void tell(Said const& said, Time now);
  void tell_what_is_over(Time now);

  spdlog::sink_ptr out_;
  std::map<std::string, Said> said_;
};

}  // namespace templatefs
