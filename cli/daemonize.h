// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace templatefs::cli {

/// Runs `serve` in a daemon of its own session. The caller returns once `serve` called the function it is
/// given, printing the text that came with it, or once it failed, with its exit status and its reason on the
/// terminal. Must be called before the process has a second thread.
int daemonize(std::function<int(std::function<void(std::string const&)> const& ready)> const& serve);

}  // namespace templatefs::cli
