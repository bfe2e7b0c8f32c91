// SPDX-License-Identifier: Apache-2.0
#include "cli/template_json.h"

#include "base/files.h"
#include "cache/layout.h"
#include "cache/template_store.h"

#include <fcntl.h>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

TemplateUse use_of_template(cache::Store const& store, std::string const& key) {
  TemplateUse out;
  if (Fd const image =
          open_at_if_exists(store.dir(), cache::layout::template_image(key), O_RDONLY | O_NOFOLLOW))
    out.usage = cache::Footprint(image.get()).usage();
  out.used_at_ms = cache::last_use_ms(store.dir(), key);
  return out;
}

void add_use(nlohmann::ordered_json& row, TemplateUse const& use) {
  row["exclusive_bytes"] = use.usage ? Json(use.usage->exclusive) : Json();
  row["shared_bytes"] = use.usage ? Json(use.usage->shared) : Json();
  row["last_used"] = use.used_at_ms < 0 ? Json() : Json(rfc3339(use.used_at_ms));
}

nlohmann::ordered_json template_json(cache::TemplateEntry const& entry) {
  Json users = Json::array();
  for (auto const& user : entry.users) users.push_back({{"pid", user.pid}, {"command", user.command}});
  Json row = {{"key", entry.key}};
  if (entry.manifest) {
    auto const& manifest = *entry.manifest;
    row["recipe"] = manifest.recipe;
    if (!manifest.lineage.empty()) {
      row["names"] = entry.names;
      row["lineage"] = Json::parse(manifest.lineage);
    }
    row["filesystem"] = manifest.filesystem;
    row["built_at"] = rfc3339(manifest.built_at_ms);
    row["build_ms"] = manifest.build_ms;
    row["kernel"] = manifest.report.kernel;
    row["formatter"] = manifest.report.formatter;
    row["accelerator"] = manifest.report.accelerator;
  } else {
    row["problem"] = entry.problem;
  }
  row["capacity_bytes"] = entry.capacity_bytes;
  row["allocated_bytes"] = entry.allocated_bytes;
  row["in_use_by"] = users;
  return row;
}

}  // namespace templatefs::cli
