// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

namespace templatefs::test {

/// Asks again and again until the condition holds or the time is over; whether it held. The waiting is for
/// the condition, never instead of it.
bool wait_until(std::function<bool()> const& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(20));

}  // namespace templatefs::test
