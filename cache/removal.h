// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/store.h"

#include <functional>
#include <string>

namespace templatefs::cache {

enum class Fate {
  removed,
  in_use,  // somebody holds its lock
  named,   // stored recipes name it: nothing could make it again
  wanted,  // `unwanted` said no
};

enum class Rehearsal { no, yes };

/// Removes a template that nobody uses and no stored recipe names, if `unwanted` holds as well; a rehearsal
/// only says what would come of it. All is asked, and done, under the key's exclusive lock, which is taken
/// without waiting. The lock file stays. It goes through `scratch_dir`, in the store, by one rename. Throws
/// Error.
Fate remove_unused(Store const& store, int scratch_dir, std::string const& key,
                   std::function<bool()> const& unwanted = {}, Rehearsal rehearsal = Rehearsal::no);

}  // namespace templatefs::cache
