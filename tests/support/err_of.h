// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace templatefs::test {

/// The errno of the Error that it throws; 0 where it throws none.
inline int err_of(auto const& body) {
  try {
    body();
  } catch (Error const& error) {
    return error.err();
  }
  return 0;
}

}  // namespace templatefs::test
