// SPDX-License-Identifier: Apache-2.0
#include "fusefs/parked_requests.h"

#include "fusefs/filesystem.h"

#include <algorithm>

namespace templatefs::fusefs {

namespace {

/// Set while this thread is inside fuse_req_interrupt_func, which may call the handler itself: a reply there
/// would free the request whose mutex libfuse still holds.
thread_local bool registering = false;
thread_local bool interrupted_while_registering = false;

}  // namespace

std::uint64_t ParkedRequests::park(Parked parked) {
  fuse_req_t const req = parked.request.get();
  pid_t const thread = parked.request.caller().pid;
  auto const id = state_.with([&](State& state) {
    state.waiting.emplace(++state.last_id, std::move(parked));
    return state.last_id;
  });
  registering = true;
  interrupted_while_registering = false;
  fuse_req_interrupt_func(req, &ParkedRequests::on_interrupt, reinterpret_cast<void*>(id));
  registering = false;
  if (!interrupted_while_registering) return id;
  if (interrupt(id, has_signal_pending(thread))) return 0;
  watch_.add(id, thread);
  return id;
}

void ParkedRequests::on_interrupt(fuse_req_t req, void* id) {
  if (registering) {
    interrupted_while_registering = true;
    return;
  }
  auto& parked = static_cast<Filesystem*>(fuse_req_userdata(req))->parked;
  pid_t const thread = fuse_req_ctx(req)->pid;
  auto const number = reinterpret_cast<std::uint64_t>(id);
  if (!parked.interrupt(number, has_signal_pending(thread))) parked.watch_.add(number, thread);
}

bool ParkedRequests::interrupt(std::uint64_t id, bool signalled) {
  if (!signalled) return state_.with([&](State const& state) { return !state.waiting.contains(id); });
  if (auto mine = take(id)) mine->request.error(EINTR);
  return true;
}

std::optional<Parked> ParkedRequests::take(std::uint64_t id) {
  return state_.with([&](State& state) -> std::optional<Parked> {
    auto node = state.waiting.extract(id);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  });
}

bool ParkedRequests::any_waiting(std::vector<std::uint64_t> const& ids) const {
  return state_.with([&](State const& state) {
    return std::any_of(ids.begin(), ids.end(), [&](std::uint64_t id) { return state.waiting.contains(id); });
  });
}

std::size_t ParkedRequests::count_waiting(std::vector<std::uint64_t> const& ids) const {
  return state_.with([&](State const& state) {
    return static_cast<std::size_t>(
        std::count_if(ids.begin(), ids.end(), [&](std::uint64_t id) { return state.waiting.contains(id); }));
  });
}

std::size_t ParkedRequests::count() const {
  return state_.with([](State const& state) { return state.waiting.size(); });
}

}  // namespace templatefs::fusefs
