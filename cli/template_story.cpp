// SPDX-License-Identifier: Apache-2.0
#include "cli/template_story.h"

#include "base/files.h"
#include "base/log.h"
#include "cache/key.h"
#include "cache/layout.h"
#include "cache/listing.h"
#include "cache/stored_recipe.h"

#include <map>
#include <utility>

#include <unistd.h>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

TemplateStory begin_story(std::string const& key, char const* state, std::string const& text) {
  return {"  its template: " + text + "\n",
          {{"key", key}, {"state", state}, {"since", ""}, {"origin", ""}, {"others", Json::array()}}};
}

/// "kernel_version: 6.1.0 then, 6.12.0 now", a line for each input that differs.
void add_other(TemplateStory& story, std::string const& key, std::vector<vm::Input> const& then,
               std::vector<vm::Input> const& now) {
  std::map<std::string, std::pair<std::string, std::string>> values;
  for (auto const& [field, value] : then) values[field].first = value;
  for (auto const& [field, value] : now) values[field].second = value;
  Json differences = Json::array();
  story.text += format("  {} was built from other inputs:\n", key);
  for (auto const& [field, pair] : values) {
    if (pair.first == pair.second) continue;
    story.text += format("    {}: \"{}\" then, \"{}\" now\n", field, pair.first, pair.second);
    differences.push_back({{"field", field}, {"then", pair.first}, {"now", pair.second}});
  }
  story.json["others"].push_back({{"key", key}, {"differences", differences}});
}

TemplateStory tell_of_stored(cache::Store const& store, cache::Recipe const& recipe) {
  auto const& key = recipe.stored->key;
  bool const there = ::faccessat(store.dir(), cache::layout::template_image(key).c_str(), F_OK, 0) == 0;
  auto const since = rfc3339(cache::read_stored_recipe(store.dir(), recipe.name).made_at_ms);
  auto story = begin_story(
      key, there ? "stored" : "missing",
      format("{}, {} on {}{}", key, recipe.origin, since, there ? "" : ", and missing: store it again"));
  story.json["since"] = since;
  story.json["origin"] = recipe.origin;
  return story;
}

}  // namespace

TemplateStory tell_of_template(BuilderOptions const& builder, std::optional<cache::Store> const& store,
                               cache::TemplateRequest const& request) {
  if (!store) return begin_story("", "no-store", "not built, there is no store yet");
  if (request.recipe->stored) return tell_of_stored(*store, *request.recipe);
  auto const key = cache::make_key(request, *builder.make(*store));
  auto const entries = cache::list_templates(store->dir());
  for (auto const& entry : entries) {
    if (entry.key != key.name) continue;
    auto const since = entry.manifest ? rfc3339(entry.manifest->built_at_ms) : "";
    auto story = begin_story(key.name, "built",
                             format("{}, built {}", key.name, since.empty() ? "(no manifest)" : since));
    story.json["since"] = since;
    return story;
  }
  auto story = begin_story(key.name, "not-built", key.name + ", not built yet: the next open builds it");
  for (auto const& entry : entries)
    if (entry.manifest && entry.manifest->recipe == request.recipe->name &&
        entry.manifest->capacity_bytes == request.bytes())
      add_other(story, entry.key, entry.manifest->fields, key.fields);
  return story;
}

}  // namespace templatefs::cli
