// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/store.h"

#include <string>
#include <vector>

namespace templatefs::cache {

struct CleanResult {
  unsigned debris = 0;               // sessions of processes that are gone
  unsigned guests = 0;               // saved guests
  std::vector<std::string> removed;  // keys
  std::vector<std::string> in_use;   // keys that were skipped
  std::vector<std::string> kept;     // keys that stored recipes name: nothing could make them again
};

/// Sweeps, removes all saved guests (those in use are so through open files), and every template that nobody
/// uses and no stored recipe names: each only under its key's exclusive lock, taken without waiting and held
/// through the removal. Lock files stay. Failures of single templates are logged. It makes nothing, since a
/// store with nothing free is one to clean: what is removed goes through sessions/ itself, where the next
/// sweep finds what is left of it.
CleanResult clean(Store const& store);

}  // namespace templatefs::cache
