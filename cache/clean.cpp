// SPDX-License-Identifier: Apache-2.0
#include "cache/clean.h"

#include "base/error.h"
#include "base/log.h"
#include "cache/guest_store.h"
#include "cache/layout.h"
#include "cache/listing.h"
#include "cache/removal.h"
#include "cache/session.h"

#include <fcntl.h>

namespace templatefs::cache {

CleanResult clean(Store const& store) {
  CleanResult result;
  Fd const sessions = open_at(store.dir(), layout::kSessions, O_RDONLY | O_DIRECTORY);
  result.debris = sweep(store.dir());
  try {
    result.guests = GuestStore(store.dir()).remove_all(sessions.get());
  } catch (Error const& error) {
    spdlog::warn("saved guests could not be removed: {}", error.sentence());
  }
  for (auto const& key : template_names(store.dir()).keys) {
    try {
      switch (remove_unused(store, sessions.get(), key)) {
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
