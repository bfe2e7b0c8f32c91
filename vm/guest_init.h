// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace templatefs::vm {

/// The static program that is PID 1 of the guest (vm/guest/), carried inside this library.
std::string_view guest_init_program();
/// Its SHA-256, computed once.
std::string const& guest_init_digest();

}  // namespace templatefs::vm
