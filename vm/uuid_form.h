// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace templatefs::vm {

/// What a filesystem is told apart by, as people write it.
enum class UuidForm {
  uuid,   // 0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7d
  serial  // 2B4D-1A6F
};

/// The one spelling of a UUID of this form: a UUID's in lower case, a serial number's in upper. Empty where
/// the text is none, or is the one of zeroes only, which means that there is none.
std::optional<std::string> normal_uuid(UuidForm form, std::string_view text);

}  // namespace templatefs::vm
