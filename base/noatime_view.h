// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

namespace templatefs {

/// Opens the same directory again, through a private mount of its filesystem with noatime: whatever is opened
/// below it leaves access times alone, for us and for the reads that FUSE passthrough makes on our behalf.
/// With relatime, the usual setting, each read of a file looks at three times and may write one (Linux:
/// touch_atime() takes the mount of the struct file). The private mount is in no namespace and ends with the
/// last descriptor below it.
///
/// A rename or link between it and the original is EXDEV: use one of the two for everything. It does not keep
/// the original mounted; a descriptor of the original does. Empty where the kernel refuses (no CAP_SYS_ADMIN,
/// before Linux 5.12).
Fd open_noatime_view(int dir) noexcept;

}  // namespace templatefs
