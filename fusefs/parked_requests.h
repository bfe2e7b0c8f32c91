// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/guarded.h"
#include "fusefs/interrupt_watch.h"
#include "fusefs/open_image.h"
#include "fusefs/request.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace templatefs::fusefs {

/// What a waiting request does once its image is open: answers, and says whether it keeps the open (true) or
/// only borrowed it for one operation (false). May throw: then the request is answered with the errno.
using Resume = std::function<bool(Request&, OpenImage&)>;

/// A request that waits for its image.
struct Parked {
  Request request;
  Resume resume;
  std::string path;  // for the failure's record
};

/// Requests that wait, each reachable by an id of its own until somebody takes it: whoever takes it answers
/// it.
///
/// An interrupt (FUSE_INTERRUPT) that a signal caused takes the request and answers EINTR at once; the build
/// it waited for goes on. One without a signal leaves it waiting, see InterruptWatch. libfuse calls the
/// interrupt handler with the request's own mutex held, from any worker, and possibly in the middle of
/// fuse_req_interrupt_func; an id instead of a pointer makes a late call find nothing instead of freed
/// memory. The mutex here is a leaf: nothing is called under it.
class ParkedRequests {
 public:
  /// Takes the request over. 0 where it was interrupted already (and has been answered). The id must be put
  /// where a completer will find it only after this returns.
  std::uint64_t park(Parked parked);
  std::optional<Parked> take(std::uint64_t id);
  /// Whether any of them still waits.
  bool any_waiting(std::vector<std::uint64_t> const& ids) const;
  /// How many of them still wait.
  std::size_t count_waiting(std::vector<std::uint64_t> const& ids) const;
  std::size_t count() const;
  /// Before the session goes: from now on nothing is answered from here.
  void stop_watching() { watch_.stop(); }

 private:
  static void on_interrupt(fuse_req_t req, void* id);
  /// Whether the request was answered, if not here then elsewhere.
  bool interrupt(std::uint64_t id, bool signalled);

  struct State {
    std::uint64_t last_id = 0;
    std::unordered_map<std::uint64_t, Parked> waiting;
  };
  Guarded<State> state_;
  InterruptWatch watch_{[this](std::uint64_t id, bool signalled) { return !interrupt(id, signalled); }};
};

}  // namespace templatefs::fusefs
