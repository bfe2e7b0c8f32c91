// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/serve.h"
#include "fusefs/filesystem.h"

#include <string>

namespace templatefs::cli {

/// Reads the configuration again for a mount that was started with `started`: the log, which is opened anew
/// in any case, the store's budget and the quota are as it says from now on. What stays as it was until the
/// next mount is named in the log. False where the configuration or the log cannot be had: then all stays as
/// it was, and the log says why.
bool reload(ServeOptions const& options, Config const& started, std::string const& mount_point,
            cache::Store& store, fusefs::Filesystem& fs) noexcept;

}  // namespace templatefs::cli
