// SPDX-License-Identifier: Apache-2.0
#include "fusefs/status.h"

#include "base/files.h"
#include "fusefs/version.h"

#include <chrono>

#include <nlohmann/json.hpp>

#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

using Json = nlohmann::ordered_json;

void count_images(Filesystem& fs, MountView& view) {
  fs.nodes.with([&](NodeTable& nodes) {
    view.nodes = nodes.size();
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

std::vector<BuildView> look_at_builds(Filesystem& fs) {
  std::vector<BuildJob> jobs;
  fs.jobs.with([&](auto const& all) {
    for (auto const& [id, job] : all) jobs.push_back(job);
  });
  auto const now = std::chrono::steady_clock::now();
  std::vector<BuildView> out;
  out.reserve(jobs.size());
  for (auto const& job : jobs)
    out.push_back({job.request.path(), job.phase,
                   std::chrono::duration_cast<std::chrono::milliseconds>(now - job.since), job.images.size(),
                   count_waiters(fs, job.images)});
  return out;
}

}  // namespace

MountView look_at_mount(Filesystem& fs) {
  MountView view;
  count_images(fs, view);
  view.builds = look_at_builds(fs);
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
