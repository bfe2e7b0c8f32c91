// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/capacity.h"
#include "base/error.h"
#include "cache/layout.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

// What names exist: MNT/<recipe>/<capacity>/<id>.img and, ten of them,
// MNT/<recipe>/<capacity>/<id>.d/TEST.img. Parsing allocates nothing, so that refused names are cheap.
namespace templatefs::fusefs {

using cache::layout::kImageSuffix;
using cache::layout::kLongestId;
using cache::layout::kSetSuffix;
inline constexpr std::array<std::string_view, 10> kDisksOfSet{
    "TEST.img",  "SCRATCH.img", "POOL0.img", "POOL1.img", "POOL2.img",
    "POOL3.img", "POOL4.img",   "POOL5.img", "POOL6.img", "POOL7.img"};
inline constexpr char kControlDirectory[] = ".templatefs";

/// 1 to 200 bytes out of A-Za-z0-9 and ._+@=:,#%~-, not starting with '.' or '-'.
bool is_image_id(std::string_view text) noexcept;

/// The id in "<id>.img"; empty where that is no image's name.
std::optional<std::string_view> id_of_image_name(std::string_view name) noexcept;

/// The id in "<id>.d", the directory of one test's disks.
std::optional<std::string_view> id_of_set_name(std::string_view name) noexcept;
bool is_disk_of_set(std::string_view name) noexcept;

/// A capacity directory's name, in any accepted spelling, up to a largest capacity.
std::optional<Capacity> parse_capacity_name(std::string_view name, Capacity largest) noexcept;

/// "btrfs/256M" of "btrfs/256M/t1.img" and of what lies deeper: what the template hangs on.
std::string_view template_of_path(std::string_view path) noexcept;

// Why a name is none, and what would be one: an ENOENT for people.
Error no_image(std::string_view name);
Error no_set(std::string_view name);
Error no_disk_of_set(std::string_view name);
Error above_largest(Capacity capacity, Capacity largest);

}  // namespace templatefs::fusefs
