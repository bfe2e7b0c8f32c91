// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place that chooses libfuse's API version.
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 17)
#include <fuse3/fuse_lowlevel.h>
