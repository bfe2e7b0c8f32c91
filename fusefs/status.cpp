// SPDX-License-Identifier: Apache-2.0
#include "fusefs/status.h"

#include "base/files.h"
#include "base/log.h"
#include "fusefs/version.h"

#include <chrono>

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace templatefs::fusefs {

namespace {

using Json = nlohmann::ordered_json;

struct ImageCounts {
  std::size_t nodes = 0;
  std::size_t existing = 0;
  std::size_t open = 0;
};

ImageCounts count_images(Filesystem& fs) {
  ImageCounts counts;
  fs.nodes.with([&](NodeTable& nodes) {
    counts.nodes = nodes.size();
    nodes.for_each([&](Node const& node) {
      if (node.kind != NodeKind::image) return;
      auto const& image = static_cast<ImageNode const&>(node);
      counts.existing += image.exists;
      counts.open += image.open != nullptr;
    });
  });
  return counts;
}

}  // namespace

std::string status_json(Filesystem& fs) {
  auto const images = count_images(fs);
  auto const now = std::chrono::steady_clock::now();
  Json builds = Json::array();
  fs.jobs.with([&](auto const& jobs) {
    for (auto const& [id, job] : jobs)
      builds.push_back(
          {{"template", job.request.path()},
           {"phase", job.phase},
           {"elapsed_ms", std::chrono::duration_cast<std::chrono::milliseconds>(now - job.since).count()},
           {"images", job.images.size()}});
  });
  auto const& store = fs.cache.store();
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
        {"explanation", store.explanation()}}},
      {"passthrough",
       {{"active", fs.connection.passthrough()}, {"reason", fs.connection.passthrough_reason()}}},
      {"images", {{"existing", images.existing}, {"open", images.open}}},
      {"nodes", images.nodes},
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

std::string metrics_text(Filesystem& fs) {
  auto const images = count_images(fs);
  std::string out;
  auto const add = [&](std::string_view name, std::string_view type, std::string_view help,
                       std::uint64_t value) {
    out += format("# HELP templatefs_{0} {1}\n# TYPE templatefs_{0} {2}\ntemplatefs_{0} {3}\n", name, help,
                  type, value);
  };
  auto const& counters = fs.counters;
  add("opens_total", "counter", "Opens of images that succeeded.", counters.opens);
  add("opens_failed_total", "counter", "Opens of images that failed.", counters.opens_failed);
  add("images_made_total", "counter", "Private images made.", counters.images_made);
  add("images_dropped_total", "counter", "Private images unlinked.", counters.images_dropped);
  add("template_hits_total", "counter", "Images made from a template that was open already.",
      counters.template_hits);
  add("template_waits_total", "counter", "Images that waited for a template.", counters.template_waits);
  add("images", "gauge", "Private images that exist.", images.existing);
  add("images_open", "gauge", "Private images that are open.", images.open);
  add("waiting_requests", "gauge", "Requests that wait for a template.", fs.parked.count());
  add("builds", "gauge", "Templates being looked up or built.",
      fs.jobs.with([](auto const& jobs) { return jobs.size(); }));
  return out;
}

}  // namespace templatefs::fusefs
