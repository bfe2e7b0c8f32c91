// SPDX-License-Identifier: Apache-2.0
#include "base/log_repeats.h"

#include "base/log.h"

#include <algorithm>
#include <cctype>

namespace templatefs {

namespace {

/// What makes two records the same: the text. Of failures without its numbers, in which test-17.img and
/// test-18.img differ: when a store is full, that is one thing to say.
std::string sameness(spdlog::details::log_msg const& record) {
  std::string same(1, static_cast<char>('0' + record.level));
  bool const failure = record.level >= spdlog::level::warn;
  for (char const each : std::string_view(record.payload.data(), record.payload.size())) {
    bool const digit = failure && std::isdigit(static_cast<unsigned char>(each)) != 0;
    if (!digit)
      same += each;
    else if (same.back() != '#')
      same += '#';
  }
  return same;
}

}  // namespace

void LogRepeats::redirect(spdlog::sink_ptr out) {
  std::lock_guard const lock(mutex_);
  for (auto const& [same, said] : said_) tell(said, spdlog::log_clock::now());
  said_.clear();
  out_ = std::move(out);
}

void LogRepeats::sink_it_(spdlog::details::log_msg const& record) {
  tell_what_is_over(record.time);
  if (said_.size() == kMost) {
    auto const oldest = std::min_element(said_.begin(), said_.end(), [](auto const& a, auto const& b) {
      return a.second.since < b.second.since;
    });
    tell(oldest->second, record.time);
    said_.erase(oldest);
  }
  auto& said = said_.try_emplace(sameness(record), Said{record.level, record.time}).first->second;
  if (++said.times <= kTold) return pass_on(record);
  said.text.assign(record.payload.data(), record.payload.size());
}

void LogRepeats::flush_() {
  tell_what_is_over(spdlog::log_clock::now());
  if (out_) out_->flush();
}

void LogRepeats::pass_on(spdlog::details::log_msg const& record) {
  if (out_) out_->log(record);
}

void LogRepeats::tell(Said const& said, Time now) {
  if (said.times <= kTold) return;
  auto const text =
      format("{} ... repeated {} times", said.text.substr(0, said.text.find('\n')), said.times - kTold);
  pass_on(spdlog::details::log_msg(now, {}, "templatefs", said.level, text));
}

void LogRepeats::tell_what_is_over(Time now) {
  for (auto at = said_.begin(); at != said_.end();) {
    // Where the clock was set back nobody knows how long ago it was.
    bool const is_over = now - at->second.since >= kWhile || now < at->second.since;
    if (is_over) tell(at->second, now);
    at = is_over ? said_.erase(at) : std::next(at);
  }
}

}  // namespace templatefs
