// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.h"
#include "cache/build_slots.h"
#include "cache/key.h"
#include "cache/session.h"
#include "cache/store.h"
#include "cache/template_store.h"
#include "vm/builder.h"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>

namespace templatefs::cache {

/// What one caller wants and how long it will wait.
struct BuildWish {
  TemplateRequest request;
  std::int64_t asked_at_ms;   // since the epoch: failures after this are this caller's too
  bool ignore_pause = false;  // build again even right after a failure
  Deadline lock_deadline;     // for a peer's build; 600 s in DESIGN
  std::stop_token stop;
  /// "waiting" (for a peer), "queued" (for a slot), the builder's phases, "publish". Must not throw.
  vm::PhaseListener on_phase;
  /// Called where a build is about to begin, with the key's lock held. Throws Error(ECANCELED) to call it
  /// off.
  std::function<void()> before_build = {};
};

struct BuildContext {
  Store const& store;
  Session const& session;
  vm::Builder& builder;
  BuildSlots& slots;
};

/// The template for `key`, pinned; built first if nobody has. At most one build of a key runs at a time
/// across threads and processes, and a failure is everybody's who waited for it. Throws Error: what the
/// builder throws; ETIMEDOUT naming the holders where a peer holds the lock past the deadline; ECANCELED on a
/// stop request.
PinnedTemplate lookup_or_build(BuildContext const& context, Key const& key, BuildWish const& wish);

/// The template of a stored recipe, pinned; nothing can build it. Throws Error: EIO where it is missing or
/// torn, ETIMEDOUT and ECANCELED as above.
PinnedTemplate pin_stored(BuildContext const& context, BuildWish const& wish);

}  // namespace templatefs::cache
