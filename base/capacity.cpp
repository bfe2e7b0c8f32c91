// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"

#include <charconv>
#include <cstdio>
#include <limits>

namespace templatefs {

std::optional<Capacity> Capacity::parse(std::string_view text) noexcept {
  if (text.size() < 2 || text.front() < '1' || text.front() > '9') return std::nullopt;
  std::int64_t factor = 0;
  switch (text.back()) {
    case 'M':
      factor = 1;
      break;
    case 'G':
      factor = 1024;
      break;
    case 'T':
      factor = 1024 * 1024;
      break;
    default:
      return std::nullopt;
  }
  std::int64_t number = 0;
  char const* const end = text.data() + text.size() - 1;
  auto const [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  if (number > std::numeric_limits<std::int64_t>::max() / kMiB / factor) return std::nullopt;
  return Capacity(number * factor);
}

std::string Capacity::canonical() const {
  if (mib_ % (1024 * 1024) == 0) return std::to_string(mib_ / (1024 * 1024)) + 'T';
  if (mib_ % 1024 == 0) return std::to_string(mib_ / 1024) + 'G';
  return std::to_string(mib_) + 'M';
}

std::string human_size(std::int64_t bytes) {
  static constexpr char kUnits[] = {'B', 'K', 'M', 'G', 'T', 'P'};
  double value = static_cast<double>(bytes);
  unsigned unit = 0;
  while (value >= 1024 && unit + 1 < sizeof kUnits) {
    value /= 1024;
    ++unit;
  }
  bool const whole = value == static_cast<double>(static_cast<std::int64_t>(value));
  char text[32];
  std::snprintf(text, sizeof text, whole ? "%.0f%c" : "%.1f%c", value, kUnits[unit]);
  return text;
}

}  // namespace templatefs
