// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/builder.h"
#include "vm/guest_job.h"
#include "vm/qemu_argv.h"

#include <functional>
#include <stop_token>
#include <string>

namespace templatefs {
class Fd;
}

namespace templatefs::vm {

class GuestProcess;
struct SavedGuest;

/// One build in a guest.
struct GuestRun {
  GuestMachine machine;
  GuestJob job;  // its time is set when the guest gets it
  std::string log_path;
  PhaseListener on_phase;
  Deadline deadline = Deadline::never();
  std::stop_token stop;
};

/// Called with a guest that waits for its job, and the version of its kernel.
using IdleGuestHook = std::function<void(GuestProcess& guest, std::string const& kernel)>;

/// Boots the one-shot guest and has it do its job. Returns only if the guest vouched for the result: kernel,
/// mounted, not_mounted and phases of the report are filled in. Throws as Builder::build says, GuestBroke
/// where guest or QEMU failed by themselves.
BuildReport run_guest(GuestRun const& run, Fd const& initrd, IdleGuestHook const& when_idle = {});

/// The same in a guest that goes on from where it was saved. What it has to say that it is alive is due
/// within `limit`. Throws GuestBroke also where the saved guest is damaged or does not fit this QEMU.
BuildReport run_saved_guest(GuestRun const& run, SavedGuest const& saved, std::chrono::milliseconds limit);

}  // namespace templatefs::vm
