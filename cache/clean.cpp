// SPDX-License-Identifier: Apache-2.0
#include "cache/clean.h"

#include "base/error.h"
#include "base/log.h"
#include "cache/guest_store.h"
#include "cache/listing.h"
#include "cache/removal.h"

namespace templatefs::cache {

CleanResult clean(Store const& store, Session const& session) {
  CleanResult result;
  result.debris = sweep(store.dir());
  try {
    result.guests = GuestStore(store.dir()).remove_all(session.staging_dir());
  } catch (Error const& error) {
    spdlog::warn("saved guests could not be removed: {}", error.sentence());
  }
  for (auto const& key : template_names(store.dir()).keys) {
    try {
      switch (remove_unused(store, session, key)) {
        case Fate::removed:
          result.removed.push_back(key);
          break;
        case Fate::named:
          result.kept.push_back(key);
          break;
        case Fate::in_use:
        case Fate::wanted:
          spdlog::info("template {} is in use and stays", key);
          result.in_use.push_back(key);
          break;
      }
    } catch (Error const& error) {
      spdlog::warn("template {} could not be removed: {}", key, error.sentence());
    }
  }
  return result;
}

}  // namespace templatefs::cache
