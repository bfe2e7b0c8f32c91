// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/guest_shelf.h"
#include "vm/run_guest.h"

#include <chrono>
#include <functional>
#include <string>

namespace templatefs::vm {

/// A build in the saved guest of this name; without one in a guest that boots, and is saved on the way where
/// the shelf lets us. A saved guest that fails by itself is given up, and the build boots one: it never fails
/// for the shelf's sake. `make_initrd` is asked for what a guest boots. Throws as run_guest does.
struct ShelvedGuests {
  GuestShelf& shelf;
  std::string name;
  std::chrono::milliseconds limit;  // for saving one, and for a saved one to begin its job

  BuildReport run(GuestRun const& run, std::function<Fd()> const& make_initrd) const;
};

}  // namespace templatefs::vm
