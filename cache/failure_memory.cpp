// SPDX-License-Identifier: Apache-2.0
#include "cache/failure_memory.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/layout.h"

#include <algorithm>
#include <cerrno>

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace templatefs::cache {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kFirstPauseMs = 500;
constexpr std::int64_t kLongestPauseMs = 30'000;

Json read_record(int store_dir, std::string const& key) {
  try {
    return Json::parse(read_file(store_dir, layout::failure_record(key), 1 << 20));
  } catch (std::exception const&) {
    return nullptr;  // none, or torn: as good as none
  }
}

bool passes_with_time(int err) {
  return err == ENOSPC || err == EDQUOT || err == ENOPKG || err == ENOMEM;
}

}  // namespace

std::optional<Error> FailureMemory::recall(std::string const& key, std::int64_t asked_at_ms,
                                           bool ignore_pause) const {
  Json const record = read_record(store_dir_, key);
  if (!record.is_object()) return std::nullopt;
  try {
    auto const failed_at = record.at("failed_at_ms").get<std::int64_t>();
    auto const retry_at = record.at("retry_at_ms").get<std::int64_t>();
    auto const now = epoch_ms_now();
    if (failed_at > now) return std::nullopt;  // the clock was set back: no ground to refuse anything
    bool const happened_while_waiting = asked_at_ms <= failed_at;
    bool const pausing = !ignore_pause && now < retry_at;
    if (!happened_while_waiting && !pausing) return std::nullopt;
    return Error(record.at("errno").get<int>(), record.at("text").get<std::string>(),
                 record.at("remedy").get<std::string>());
  } catch (Json::exception const&) {
    return std::nullopt;
  }
}

void FailureMemory::record(std::string const& key, Error const& failure) noexcept {
  try {
    Json const earlier = read_record(store_dir_, key);
    int const attempts = (earlier.is_object() ? earlier.value("attempts", 0) : 0) + 1;
    auto const now = epoch_ms_now();
    auto const pause = passes_with_time(failure.err())
                           ? 0
                           : std::min(kFirstPauseMs << std::min(attempts - 1, 10), kLongestPauseMs);
    Json const record = {{"errno", failure.err()}, {"text", failure.text()}, {"remedy", failure.remedy()},
                         {"attempts", attempts},   {"failed_at_ms", now},    {"retry_at_ms", now + pause}};
    replace_file(store_dir_, layout::failure_record(key),
                 record.dump(2, ' ', false, Json::error_handler_t::replace), 0600, false);
  } catch (std::exception const& error) {
    spdlog::debug("a failure of {} could not be remembered: {}", key, error.what());
  }
}

void FailureMemory::forget(std::string const& key) noexcept {
  ::unlinkat(store_dir_, layout::failure_record(key).c_str(), 0);
  ::unlinkat(store_dir_, layout::failure_log(key).c_str(), 0);
}

}  // namespace templatefs::cache
