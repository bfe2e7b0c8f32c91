// SPDX-License-Identifier: Apache-2.0
#include "cli/print_images.h"

#include "base/capacity.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/image_listing.h"
#include "cli/table.h"

#include <cstdio>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

void print_json(cache::Store const* store, std::string const& path,
                std::vector<cache::ImageEntry> const& images) {
  Json rows = Json::array();
  for (auto const& image : images) {
    Json row = {{"path", image.path},
                {"state", cache::state_name(image.state)},
                {"where", image.where.empty() ? Json() : Json(image.where)},
                {"uid", image.uid},
                {"bytes", image.bytes},
                {"allocated_bytes", image.allocated_bytes},
                {"pinned", image.pin.has_value()}};
    if (image.pin) {
      row["reason"] = image.pin->reason;
      row["pinned_at"] = rfc3339(image.pin->pinned_at_ms);
      row["template"] = image.pin->made_from.empty() ? Json() : Json(image.pin->made_from);
    }
    rows.push_back(std::move(row));
  }
  Json const document = {
      {"schema", "templatefs.ls-images/1"}, {"store", path}, {"exists", store != nullptr}, {"images", rows}};
  std::printf("%s\n", document.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

void print_images(cache::Store const* store, std::string const& path, bool json) {
  auto const images = store != nullptr ? cache::list_images(store->dir()) : std::vector<cache::ImageEntry>();
  if (json) return print_json(store, path, images);
  if (images.empty()) {
    std::printf("no images in %s%s\n", path.c_str(), store != nullptr ? "" : ", where there is no store yet");
    return;
  }
  std::vector<std::vector<std::string>> rows{
      {"IMAGE", "STATE", "MOUNT", "UID", "SIZE", "ALLOCATED", "PINNED", "REASON"}};
  for (auto const& image : images)
    rows.push_back({image.path, std::string(cache::state_name(image.state)),
                    image.where.empty() ? "-" : image.where, std::to_string(image.uid),
                    human_size(image.bytes), human_size(image.allocated_bytes),
                    image.pin ? rfc3339(image.pin->pinned_at_ms) : "-",
                    image.pin && !image.pin->reason.empty() ? image.pin->reason : "-"});
  std::fputs(aligned_table(rows).c_str(), stdout);
}

}  // namespace templatefs::cli
