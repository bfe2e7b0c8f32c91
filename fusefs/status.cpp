// SPDX-License-Identifier: Apache-2.0
#include "fusefs/status.h"

#include "base/files.h"
#include "fusefs/version.h"

#include <chrono>
#include <optional>

#include <nlohmann/json.hpp>

#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

using Json = nlohmann::ordered_json;

void count_images(Filesystem& fs, MountView& view) {
  fs.nodes.with([&](NodeTable& nodes) {
    view.nodes = nodes.size();
    view.quota = nodes.holdings.quota;
    view.all_users.images = nodes.holdings.all();
    for (auto const& [uid, images] : nodes.holdings.users()) view.users[uid].images = images;
    nodes.for_each([&](Node const& node) {
      if (node.kind != NodeKind::image) return;
      auto const& image = static_cast<ImageNode const&>(node);
      view.images_existing += image.exists;
      view.images_open += image.open != nullptr;
    });
  });
}

/// Jobs, nodes and parked requests have a mutex each, so what one says may be over when the next is asked.
std::size_t count_waiters(Filesystem& fs, std::vector<fuse_ino_t> const& images) {
  std::vector<std::uint64_t> ids;
  fs.nodes.with([&](NodeTable& nodes) {
    for (auto const number : images) {
      Node const* const node = nodes.find(number);
      if (node == nullptr || node->kind != NodeKind::image) continue;
      auto const& waiters = static_cast<ImageNode const*>(node)->waiters;
      ids.insert(ids.end(), waiters.begin(), waiters.end());
    }
  });
  return fs.parked.count_waiting(ids);
}

void look_at_builds(Filesystem& fs, MountView& view) {
  std::vector<BuildJob> jobs;
  fs.jobs.with([&](auto const& all) {
    for (auto const& [id, job] : all) jobs.push_back(job);
  });
  auto const now = std::chrono::steady_clock::now();
  view.builds.reserve(jobs.size());
  for (auto const& job : jobs) {
    view.builds.push_back({job.request.path(), job.phase,
                           std::chrono::duration_cast<std::chrono::milliseconds>(now - job.since),
                           job.images.size(), count_waiters(fs, job.images)});
    ++view.users[job.uid].builds;
  }
  view.all_users.builds = jobs.size();
}

Json limit_json(std::optional<std::int64_t> const& limit) {
  return limit ? Json(*limit) : Json();
}

/// Bytes that nobody measures are not told.
void add_use(Json& object, Quota const& quota, UserView const& user) {
  object["images"] = user.images.images;
  object["bytes"] = quota.limits_bytes() ? Json(user.images.bytes) : Json();
  object["builds"] = user.builds;
}

Json quota_json(MountView const& view) {
  auto const& quota = view.quota;
  Json used = Json::object();
  add_use(used, quota, view.all_users);
  Json users = Json::array();
  for (auto const& [uid, user] : view.users) {
    users.push_back({{"uid", uid}});
    add_use(users.back(), quota, user);
  }
  return {{"limits",
           {{"images_per_user", limit_json(quota.images_per_user)},
            {"bytes_per_user", limit_json(quota.bytes_per_user)},
            {"builds_per_user", limit_json(quota.builds_per_user)},
            {"images", limit_json(quota.images)},
            {"bytes", limit_json(quota.bytes)}}},
          {"used", used},
          {"users", users}};
}

}  // namespace

MountView look_at_mount(Filesystem& fs) {
  MountView view;
  count_images(fs, view);
  look_at_builds(fs, view);
  struct statvfs store {};
  if (::fstatvfs(fs.cache.store().dir(), &store) == 0) {
    view.store_bytes = std::uint64_t{store.f_blocks} * store.f_frsize;
    view.store_free_bytes = std::uint64_t{store.f_bavail} * store.f_frsize;
  }
  return view;
}

std::string status_json(Filesystem& fs) {
  auto const view = look_at_mount(fs);
  Json builds = Json::array();
  for (auto const& build : view.builds)
    builds.push_back({{"template", build.path},
                      {"phase", build.phase},
                      {"elapsed_ms", build.elapsed.count()},
                      {"images", build.images},
                      {"waiters", build.waiters}});
  auto const& store = fs.cache.store();
  auto const accelerator = fs.cache.accelerator();
  Json const document = {
      {"schema", "templatefs.status/1"},
      {"version", kVersion},
      {"pid", ::getpid()},
      {"mount_point", fs.options.mount_point},
      {"config", fs.options.config_files},
      {"session", fs.session.name()},
      {"started", rfc3339(fs.started_ns / 1'000'000)},
      {"store",
       {{"path", store.path()},
        {"own_filesystem", store.has_own_filesystem()},
        {"fanout", cache::rung_name(fs.cache.rung())},
        {"explanation", store.explanation()},
        {"size_bytes", view.store_bytes},
        {"free_bytes", view.store_free_bytes}}},
      {"passthrough",
       {{"active", fs.connection.passthrough()}, {"reason", fs.connection.passthrough_reason()}}},
      {"accelerator", accelerator.empty() ? Json() : Json(accelerator)},
      {"images", {{"existing", view.images_existing}, {"open", view.images_open}}},
      {"spares", fs.cache.spares()},
      {"quota", quota_json(view)},
      {"nodes", view.nodes},
      {"waiting_requests", fs.parked.count()},
      {"builds", builds},
      {"counters",
       {{"opens", fs.counters.opens.load()},
        {"opens_failed", fs.counters.opens_failed.load()},
        {"images_made", fs.counters.images_made.load()},
        {"images_dropped", fs.counters.images_dropped.load()},
        {"template_hits", fs.counters.template_hits.load()},
        {"template_waits", fs.counters.template_waits.load()}}},
  };
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace templatefs::fusefs
