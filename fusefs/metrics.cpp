// SPDX-License-Identifier: Apache-2.0
#include "fusefs/metrics.h"

#include "base/log.h"
#include "fusefs/status.h"
#include "fusefs/version.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace templatefs::fusefs {

namespace {

/// The text of one exposition. Names are of base units (seconds, bytes), counters end in _total.
class Exposition {
 public:
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    begin(name, "counter", help);
    sample(name, {}, std::to_string(value));
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    begin(name, "gauge", help);
    sample(name, {}, std::to_string(value));
  }
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    text_ += format("# HELP templatefs_{0} {1}\n# TYPE templatefs_{0} {2}\n", name, help, type);
  }
  /// `labels` is empty or "{name=\"value\"}".
  void sample(std::string_view name, std::string const& labels, std::string const& value) {
    text_ += format("templatefs_{}{} {}\n", name, labels, value);
  }
  std::string const& text() const noexcept { return text_; }

 private:
  std::string text_;
};

std::string label_value(std::string_view value) {
  std::string out = "\"";
  for (char const c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

std::string seconds(double value) {
  return format("{:.3f}", value);
}

void add_builds(Exposition& out, std::vector<BuildView> const& builds) {
  out.gauge("builds", "Templates being looked up or built.", builds.size());
  // A stored recipe that was stored anew under its name may be looked up twice; a sample may not be there
  // twice.
  std::map<std::string, BuildView const*> by_labels;
  for (auto const& build : builds)
    by_labels[format("{{template={},phase={}}}", label_value(build.path), label_value(build.phase))] = &build;
  if (by_labels.empty()) return;
  out.begin("build_elapsed_seconds", "gauge", "Time since a template under way was asked for.");
  for (auto const& [labels, build] : by_labels)
    out.sample("build_elapsed_seconds", labels,
               seconds(std::chrono::duration<double>(build->elapsed).count()));
  out.begin("build_waiters", "gauge", "Requests that wait for a template under way.");
  for (auto const& [labels, build] : by_labels)
    out.sample("build_waiters", labels, std::to_string(build->waiters));
}

/// Of all users: what one has is a matter for status.json, where no series come and go with users.
void add_quota(Exposition& out, MountView const& view) {
  auto const& quota = view.quota;
  out.gauge("users", "Users who have an image or a build.", view.users.size());
  auto const limit = [&](std::string_view name, std::string_view help,
                         std::optional<std::int64_t> const& most) {
    if (most) out.gauge(name, help, static_cast<std::uint64_t>(*most));
  };
  limit("images_limit", "Private images that all users may have.", quota.images);
  if (quota.limits_bytes())
    out.gauge("images_bytes", "What private images take that they do not share, as last measured.",
              static_cast<std::uint64_t>(view.all_users.images.bytes));
  limit("images_limit_bytes", "What the images of all users may take.", quota.bytes);
}

}  // namespace

std::string metrics_text(Filesystem& fs) {
  auto const view = look_at_mount(fs);
  auto const& counters = fs.counters;
  Exposition out;
  out.begin("info", "gauge", "What serves this mount; always 1.");
  out.sample(
      "info",
      format("{{version={},fanout={},passthrough={},accelerator={}}}", label_value(kVersion),
             label_value(cache::rung_name(fs.cache.rung())),
             label_value(fs.connection.passthrough() ? "yes" : "no"), label_value(fs.cache.accelerator())),
      "1");
  out.begin("start_time_seconds", "gauge", "When it was mounted, since the epoch.");
  out.sample("start_time_seconds", {}, seconds(static_cast<double>(fs.started_ns) / 1e9));
  out.counter("opens_total", "Opens of images that succeeded.", counters.opens);
  out.counter("opens_failed_total", "Opens of images that failed.", counters.opens_failed);
  out.counter("images_made_total", "Private images made.", counters.images_made);
  out.counter("images_dropped_total", "Private images unlinked.", counters.images_dropped);
  out.counter("template_hits_total", "Images made from a template that was open already.",
              counters.template_hits);
  out.counter("template_waits_total", "Images that waited for a template.", counters.template_waits);
  out.gauge("images", "Private images that exist.", view.images_existing);
  out.gauge("images_open", "Private images that are open.", view.images_open);
  out.gauge("spares", "Images made ahead of their first open.", fs.cache.spares());
  add_quota(out, view);
  out.gauge("waiting_requests", "Requests that wait for a template.", fs.parked.count());
  add_builds(out, view.builds);
  out.gauge("store_size_bytes", "Size of the store's filesystem.", view.store_bytes);
  out.gauge("store_free_bytes", "What is free of it.", view.store_free_bytes);
  return out.text();
}

}  // namespace templatefs::fusefs
