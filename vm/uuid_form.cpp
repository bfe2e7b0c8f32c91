// SPDX-License-Identifier: Apache-2.0
#include "vm/uuid_form.h"

#include <cctype>

namespace templatefs::vm {

std::optional<std::string> normal_uuid(UuidForm form, std::string_view text) {
  bool const is_serial = form == UuidForm::serial;
  std::string_view const shape = is_serial ? "xxxx-xxxx" : "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != shape.size()) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    auto const c = static_cast<unsigned char>(text[i]);
    if (shape[i] == '-' ? c != '-' : std::isxdigit(c) == 0) return std::nullopt;
    out += static_cast<char>(is_serial ? std::toupper(c) : std::tolower(c));
  }
  if (out.find_first_not_of("0-") == std::string::npos) return std::nullopt;
  return out;
}

}  // namespace templatefs::vm
