// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace templatefs::cli {

/// What a command was asked about is not there, a store or something in it: the program ends with kNotFound.
struct NotFound : Error {
  using Error::Error;
};

}  // namespace templatefs::cli
