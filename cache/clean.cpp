// SPDX-License-Identifier: Apache-2.0
#include "cache/clean.h"

#include "base/error.h"
#include "base/file_lock.h"
#include "base/log.h"
#include "cache/failure_memory.h"
#include "cache/guest_store.h"
#include "cache/layout.h"
#include "cache/listing.h"
#include "cache/store_image.h"

namespace templatefs::cache {

CleanResult clean(Store const& store, Session const& session) {
  CleanResult result;
  result.debris = sweep(store.dir());
  try {
    result.guests = GuestStore(store.dir()).remove_all(session.staging_dir());
  } catch (Error const& error) {
    spdlog::warn("saved guests could not be removed: {}", error.sentence());
  }
  FailureMemory failures(store.dir());
  for (auto const& key : template_names(store.dir()).keys) {
    try {
      auto const lock = FileLock::try_lock(store.dir(), layout::key_lock(key), FileLock::Mode::exclusive);
      if (!lock) {
        spdlog::info("template {} is in use and stays", key);
        result.in_use.push_back(key);
        continue;
      }
      if (!remove_unless_named(store, session, key).empty()) {
        result.kept.push_back(key);
        continue;
      }
      failures.forget(key);
      result.removed.push_back(key);
    } catch (Error const& error) {
      spdlog::warn("template {} could not be removed: {}", key, error.sentence());
    }
  }
  return result;
}

}  // namespace templatefs::cache
