// SPDX-License-Identifier: Apache-2.0
#include "fusefs/error_records.h"

#include "base/files.h"
#include "base/log.h"

#include <algorithm>

namespace templatefs::fusefs {

void ErrorRecords::add(std::string path, Error error) {
  ErrorRecord record{epoch_ms_now(), std::move(path), std::move(error)};
  records_.with([&](auto& records) {
    if (records.size() == kKept) records.pop_front();
    records.push_back(std::move(record));
  });
}

std::optional<ErrorRecord> ErrorRecords::find(std::string const& path) const {
  return records_.with([&](auto const& records) -> std::optional<ErrorRecord> {
    auto const at =
        std::find_if(records.rbegin(), records.rend(), [&](auto const& each) { return each.path == path; });
    if (at == records.rend()) return std::nullopt;
    return *at;
  });
}

std::vector<ErrorRecord> ErrorRecords::all() const {
  return records_.with(
      [](auto const& records) { return std::vector<ErrorRecord>(records.begin(), records.end()); });
}

bool ErrorRecords::empty() const {
  return records_.with([](auto const& records) { return records.empty(); });
}

void ErrorRecords::clear(std::string const& path) {
  records_.with(
      [&](auto& records) { std::erase_if(records, [&](auto const& each) { return each.path == path; }); });
}

std::string to_line(ErrorRecord const& record) {
  std::string text = format("{} {}: {}: {}", rfc3339(record.at_ms), record.path,
                            errno_name(record.error.err()), record.error.sentence());
  // A record starts at the first column; the console lines in its sentence do not.
  for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
    text.insert(at + 1, "    ");
  return text + "\n";
}

}  // namespace templatefs::fusefs
