// SPDX-License-Identifier: Apache-2.0
#include "cli/build_watch.h"

#include "base/files.h"

#include <algorithm>
#include <set>

namespace templatefs::cli {

namespace {

using std::chrono::milliseconds;

/// The newest record of a failed open that waited for this build, if there is one.
std::string failure_of(WatchedBuild const& build) {
  // Times in records have whole seconds.
  auto const begun = rfc3339(epoch_ms_now() - build.elapsed.count() - 1000);
  auto const records = last_failures(build.mount_point, 100);
  auto const at = std::find_if(records.rbegin(), records.rend(), [&](std::string const& record) {
    return record.substr(0, begun.size()) >= begun &&
           record.substr(std::min(record.size(), begun.size() + 1)).starts_with(build.name + "/");
  });
  return at == records.rend() ? std::string() : *at;
}

}  // namespace

std::vector<WatchedBuild> builds_of(MountStatus const& mount) {
  std::vector<WatchedBuild> out;
  for (auto const& each : mount.status["builds"]) {
    WatchedBuild build;
    build.mount_point = mount.mount_point;
    build.name = each.value("template", "");
    build.phase = each.value("phase", "");
    build.elapsed = milliseconds(each.value("elapsed_ms", std::int64_t{0}));
    build.waiters = each.value("waiters", std::int64_t{0});
    build.images = each.value("images", std::int64_t{0});
    out.push_back(std::move(build));
  }
  return out;
}

BuildEvent BuildWatch::end_of(Known const& known) {
  auto failure = failure_of(known.build);
  auto const kind = failure.empty() ? BuildEvent::Kind::done : BuildEvent::Kind::failed;
  return {kind, known.build, std::move(failure)};
}

void BuildWatch::see(WatchedBuild const& build, Clock::time_point now, std::vector<BuildEvent>& events) {
  auto const [at, is_new] = known_.try_emplace(std::pair(build.mount_point, build.name), Known{build, now});
  auto& known = at->second;
  // Another one of the same template, where one has ended since.
  bool const is_next = !is_new && (known.over || build.elapsed < known.build.elapsed);
  if (is_next) events.push_back(end_of(known));
  if (is_new || is_next || known.build.phase != build.phase)
    events.push_back({BuildEvent::Kind::phase, build, {}});
  known = Known{build, now};
}

std::vector<BuildEvent> BuildWatch::look(std::vector<std::string> const& mount_points) {
  std::vector<BuildEvent> events;
  std::set<std::string> answered;
  for (auto const& mount_point : mount_points) {
    auto const mount = look_at_mount(mount_point);
    if (!mount.answers()) continue;
    answered.insert(mount_point);
    auto const now = Clock::now();
    for (auto const& build : builds_of(mount)) see(build, now, events);
    for (auto at = known_.begin(); at != known_.end();) {
      auto& known = at->second;
      if (known.build.mount_point != mount_point || known.seen == now) {
        ++at;
      } else if (known.over) {
        events.push_back(end_of(known));
        at = known_.erase(at);
      } else {
        known.build.elapsed += std::chrono::duration_cast<milliseconds>(now - known.seen);
        known.over = true;
        ++at;
      }
    }
  }
  answering_ = answered.size();
  std::erase_if(known_, [&](auto const& each) { return !answered.contains(each.first.first); });
  return events;
}

std::vector<WatchedBuild> BuildWatch::running() const {
  std::vector<WatchedBuild> out;
  for (auto const& [id, known] : known_)
    if (!known.over) out.push_back(known.build);
  return out;
}

}  // namespace templatefs::cli
