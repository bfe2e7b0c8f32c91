// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace templatefs {

/// A disk's size as a path spells it: whole MiB, `<n>M`, `<n>G` or `<n>T` in powers of 1024.
class Capacity {
 public:
  static constexpr std::int64_t kMiB = 1 << 20;

  /// Any accepted spelling (`1024M` as well as `1G`): no sign, fraction, leading zero or zero, and less than
  /// 2^63 bytes. Allocates nothing.
  static std::optional<Capacity> parse(std::string_view text) noexcept;
  /// Requires mib >= 1 and mib * 2^20 < 2^63.
  static Capacity of_mib(std::int64_t mib) { return Capacity(mib); }

  std::int64_t mib() const noexcept { return mib_; }
  std::int64_t bytes() const noexcept { return mib_ * kMiB; }
  /// The spelling with the largest unit that divides it: "1G", never "1024M".
  std::string canonical() const;

  auto operator<=>(Capacity const&) const = default;

 private:
  explicit Capacity(std::int64_t mib) : mib_(mib) {}
  std::int64_t mib_;
};

/// Bytes for people: "4.6M", "256M", "1.0T".
std::string human_size(std::int64_t bytes);

}  // namespace templatefs
