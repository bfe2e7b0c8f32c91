// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace templatefs::vm {

/// How fast this machine's time stamp counter runs, in kHz, measured once per process (10 ms). 0 where there
/// is none.
long tsc_khz();

}  // namespace templatefs::vm
