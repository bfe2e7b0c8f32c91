// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.h"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

namespace templatefs::vm {

/// What goes with work that takes as long as its data are large: when it has to end, and who hears how far it
/// is. Passed down by reference.
struct Transfer {
  Deadline deadline;
  std::stop_token stop;
  /// `phase` is a verb: "read". Called often, so it should be quick. May be empty.
  std::function<void(std::string_view phase, std::int64_t done, std::int64_t total)> listener = {};

  /// Tells the listener. Throws Error naming `subject`: ECANCELED, ETIMEDOUT.
  void advance(std::string_view phase, std::int64_t done, std::int64_t total,
               std::string const& subject) const;
};

}  // namespace templatefs::vm
