// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/capacity.h"

#include <optional>
#include <string>
#include <string_view>

// What names exist: MNT/<recipe>/<capacity>/<id>.img. Parsing allocates nothing, so that refused names are
// cheap.
namespace templatefs::fusefs {

inline constexpr std::size_t kLongestId = 200;  // bytes
inline constexpr std::string_view kImageSuffix = ".img";
inline constexpr char kControlDirectory[] = ".templatefs";

/// 1 to 200 bytes out of A-Za-z0-9 and ._+@=:,#%~-, not starting with '.' or '-'.
bool is_image_id(std::string_view text) noexcept;

/// The id in "<id>.img"; empty where that is no image's name.
std::optional<std::string_view> id_of_image_name(std::string_view name) noexcept;

/// A capacity directory's name, in any accepted spelling, up to a largest capacity.
std::optional<Capacity> parse_capacity_name(std::string_view name, Capacity largest) noexcept;

/// Why a name is no image's name, and what would be: a sentence for a person.
std::string explain_image_name(std::string_view name);

}  // namespace templatefs::fusefs
