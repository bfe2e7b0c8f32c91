// SPDX-License-Identifier: Apache-2.0
#include "vm/transfer.h"

#include "base/error.h"

#include <cerrno>

namespace templatefs::vm {

void Transfer::advance(std::string_view phase, std::int64_t done, std::int64_t total,
                       std::string const& subject) const {
  if (stop.stop_requested()) throw Error(ECANCELED, std::string(phase) + " " + subject + ": it was stopped");
  if (deadline.passed()) throw Error(ETIMEDOUT, std::string(phase) + " " + subject);
  if (listener) listener(phase, done, total);
}

}  // namespace templatefs::vm
