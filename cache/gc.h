// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/budget.h"
#include "cache/recipe.h"
#include "cache/removal.h"
#include "cache/session.h"
#include "cache/store.h"

#include <cstdint>
#include <string>
#include <vector>

namespace templatefs::cache {

struct Collected {
  std::string key;          // or the name of a saved guest
  std::int64_t used_at_ms;  // since the epoch
  std::int64_t freed;       // bytes that were its own
  bool too_old;             // else it had to go for space
  bool is_guest;
};

struct GcResult {
  std::vector<Collected> removed;   // in this order
  std::vector<std::string> in_use;  // whose turn it was, and which stay
  std::vector<std::string> kept;    // by the budget's list, or by stored recipes
  std::int64_t size = 0;            // what templates and guests take now, what they share counted once
  std::int64_t guests = 0;          // of that, what saved guests take
  std::int64_t free = 0;            // on the store's filesystem
  bool held = true;                 // whether max_size and min_free hold
};

/// Removes templates and saved guests until the budget holds, with room for `need` bytes more: the least
/// recently used first, so that those beyond max_age come before those that go for space. Measured anew after
/// each. What is in use, kept or named stays; so does what was used since its turn was decided, and what
/// would free nothing. A rehearsal removes nothing and gives the list that a run then removes, as long as
/// nobody else changes the store. Failures of single templates are logged. Throws Error.
GcResult collect_garbage(Store const& store, Session const& session, Budget const& budget,
                         std::int64_t need = 0, Rehearsal rehearsal = Rehearsal::no);

/// Before a build: makes room for it within the store's budget, where it has one, so that it is refused now
/// and does not fail in the middle of writing. How much it needs is taken from earlier templates of the
/// recipe. Throws Error: ENOSPC where there is not so much, or min_free, EDQUOT where max_size would not
/// hold.
void make_room(Store const& store, Session const& session, TemplateRequest const& request);

}  // namespace templatefs::cache
