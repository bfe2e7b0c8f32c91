// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <string>

namespace templatefs::cli {

/// Failures are told as JSON from now on, as --json asks for.
void complain_in_json() noexcept;

/// Tells a failure on standard error, as a sentence or as an object of schema templatefs.error/1. Returns the
/// exit status it was given.
int complain(Error const& error, int exit_status);
/// The same without the errno's words, for what is clear without them.
int complain(int err, std::string const& message, std::string const& remedy, int exit_status);

}  // namespace templatefs::cli
