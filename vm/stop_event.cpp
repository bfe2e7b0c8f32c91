// SPDX-License-Identifier: Apache-2.0
#include "vm/stop_event.h"

#include "base/error.h"

#include <sys/eventfd.h>

namespace templatefs::vm {

StopEvent::StopEvent(std::stop_token const& stop)
    : event_(check(::eventfd(0, EFD_CLOEXEC), "make", "an eventfd")), on_stop_(stop, Signal{event_.get()}) {}

void StopEvent::Signal::operator()() const noexcept {
  ::eventfd_write(fd, 1);
}

}  // namespace templatefs::vm
