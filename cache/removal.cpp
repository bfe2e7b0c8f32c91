// SPDX-License-Identifier: Apache-2.0
#include "cache/removal.h"

#include "base/file_lock.h"
#include "cache/failure_memory.h"
#include "cache/layout.h"
#include "cache/store_image.h"
#include "cache/stored_recipe.h"

namespace templatefs::cache {

Fate remove_unused(Store const& store, int scratch_dir, std::string const& key,
                   std::function<bool()> const& unwanted, Rehearsal rehearsal) {
  auto const lock = FileLock::try_lock(store.dir(), layout::key_lock(key), FileLock::Mode::exclusive);
  if (!lock) return Fate::in_use;
  if (unwanted && !unwanted()) return Fate::wanted;
  if (rehearsal == Rehearsal::yes)
    return names_of_template(store.dir(), key).empty() ? Fate::removed : Fate::named;
  if (!remove_unless_named(store, scratch_dir, key).empty()) return Fate::named;
  FailureMemory(store.dir()).forget(key);
  return Fate::removed;
}

}  // namespace templatefs::cache
