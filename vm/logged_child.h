// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "base/deadline.h"
#include "vm/console_log.h"

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// Hears what a command prints, as it comes, and returns what of it is for the log.
using OutputFilter = std::function<std::string(std::string_view)>;

/// Runs a command of the host to its end, stderr going to the log, and stdout as well unless `descriptors`
/// (number in the child -> ours) names it. `who` is for messages: "the formatter". Throws Error: ETIMEDOUT,
/// ECANCELED.
ExitStatus run_logged(std::vector<std::string> const& argv, std::map<int, int> descriptors,
                      std::string const& who, ConsoleLog& log, Deadline deadline, std::stop_token const& stop,
                      OutputFilter const& filter = {});

}  // namespace templatefs::vm
