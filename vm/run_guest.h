// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/builder.h"
#include "vm/guest_job.h"
#include "vm/qemu_argv.h"

namespace templatefs {
class Fd;
}

namespace templatefs::vm {

/// Boots the one-shot guest on `machine` and has it do `job`. Returns only if the guest vouched for the
/// result: kernel, mounted, not_mounted and phases of the report are filled in. Throws as Builder::build
/// says.
BuildReport run_guest(GuestMachine const& machine, Fd const& initrd, GuestJob const& job,
                      std::string const& log_path, PhaseListener const& on_phase, Deadline deadline,
                      std::stop_token const& stop);

}  // namespace templatefs::vm
