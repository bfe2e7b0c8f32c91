// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace templatefs {

/// When a file was made, in milliseconds since the epoch; empty where its filesystem does not keep that.
std::optional<std::int64_t> birth_time_ms(int fd);

}  // namespace templatefs
