// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace templatefs::fusefs {

/// Any test name as a valid image id: '/' becomes '#', and every byte that an id may not hold, '#', '%', '~'
/// and a leading '.' or '-' become %XX. Where that exceeds 200 bytes: 83 bytes of it, '~', the head of the
/// name's SHA-256 (128 bits in hex), '~' and its last 83 bytes. '~' appears in no other id of ours, so the
/// two cannot be confused. The same name gives the same id in every version. Throws Error(EINVAL) for an
/// empty name.
std::string test_id(std::string_view name);

/// The name again; empty for an id that was shortened, or that test_id never makes.
std::optional<std::string> test_name(std::string_view id);

}  // namespace templatefs::fusefs
