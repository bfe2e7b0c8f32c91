// SPDX-License-Identifier: Apache-2.0
#include "tests/support/wait_until.h"

#include "base/deadline.h"

#include <poll.h>

namespace templatefs::test {

bool wait_until(std::function<bool()> const& condition, std::chrono::milliseconds limit) {
  auto const deadline = Deadline::after(limit);
  while (!condition()) {
    if (deadline.passed()) return condition();
    ::poll(nullptr, 0, 2);
  }
  return true;
}

}  // namespace templatefs::test
