// SPDX-License-Identifier: Apache-2.0
#include "cache/clean.h"

#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/failure_memory.h"
#include "cache/guest_store.h"
#include "cache/key.h"
#include "cache/layout.h"
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
  std::vector<std::string> keys;
  for_each_entry(store.dir(), layout::kTemplates, [&](std::string const& name) {
    // A name that no key could have was not made by us, and is not ours to remove.
    if (parse_key_name(name)) keys.push_back(name);
  });
  FailureMemory failures(store.dir());
  for (auto const& key : keys) {
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
