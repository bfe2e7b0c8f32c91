// SPDX-License-Identifier: Apache-2.0
#include "cli/print_images.h"

#include "base/capacity.h"
#include "base/error.h"
#include "base/files.h"
#include "base/mount_table.h"
#include "cache/image_listing.h"
#include "cli/json_output.h"
#include "cli/mount_status.h"
#include "cli/mounted_image.h"
#include "cli/table.h"
#include "fusefs/mount_point.h"

#include <cstdio>
#include <map>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

/// Asks mounts who opened their images first. One that does not answer is asked once.
class Openers {
 public:
  /// "uid=0 gid=0"; empty where no mount tells.
  std::string of(cache::ImageEntry const& image) {
    if (image.state != cache::ImageEntry::State::live || !answers(image.where)) return {};
    try {
      return attribute_of(image.where + "/" + image.path, "opener");
    } catch (Error const&) {
      return {};  // removed in this instant, or another store's mount hides the one that had it
    }
  }

 private:
  bool answers(std::string const& where) {
    auto const [at, is_new] = known_.try_emplace(where, false);
    if (is_new) {
      auto const mount = mount_at(where);
      at->second = mount && mount->type == fusefs::kMountType && look_at_mount(where).answers();
    }
    return at->second;
  }

  std::map<std::string, bool> known_;
};

void print_as_json(cache::Store const* store, std::string const& path,
                   std::vector<cache::ImageEntry> const& images, bool detailed) {
  Openers openers;
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
    if (detailed) {
      auto const opener = openers.of(image);
      row["exclusive_bytes"] = image.usage->exclusive;
      row["shared_bytes"] = image.usage->shared;
      row["opener"] = opener.empty() ? Json() : Json(opener);
      row["created"] = image.made_at_ms ? Json(rfc3339(*image.made_at_ms)) : Json();
    }
    rows.push_back(std::move(row));
  }
  Json const document = {
      {"schema", "templatefs.ls-images/1"}, {"store", path}, {"exists", store != nullptr}, {"images", rows}};
  print_json(document);
}

void print_table(std::vector<cache::ImageEntry> const& images, bool detailed) {
  Openers openers;
  std::vector<std::vector<std::string>> rows{{"IMAGE", "STATE", "MOUNT", "UID", "SIZE", "ALLOCATED"}};
  if (detailed) rows[0].insert(rows[0].end(), {"EXCLUSIVE", "SHARED", "OPENER", "CREATED"});
  rows[0].insert(rows[0].end(), {"PINNED", "REASON"});
  auto const dash = [](std::string const& text) { return text.empty() ? std::string("-") : text; };
  for (auto const& image : images) {
    rows.push_back({image.path, std::string(cache::state_name(image.state)), dash(image.where),
                    std::to_string(image.uid), human_size(image.bytes), human_size(image.allocated_bytes)});
    auto& row = rows.back();
    if (detailed)
      row.insert(row.end(), {human_size(image.usage->exclusive), human_size(image.usage->shared),
                             dash(openers.of(image)), image.made_at_ms ? rfc3339(*image.made_at_ms) : "-"});
    row.push_back(image.pin ? rfc3339(image.pin->pinned_at_ms) : "-");
    row.push_back(image.pin ? dash(image.pin->reason) : "-");
  }
  std::fputs(aligned_table(rows).c_str(), stdout);
}

}  // namespace

void print_images(cache::Store const* store, std::string const& path, bool detailed, bool json) {
  auto const images =
      store != nullptr ? cache::list_images(store->dir(), detailed ? cache::Look::close : cache::Look::quick)
                       : std::vector<cache::ImageEntry>();
  if (json) return print_as_json(store, path, images, detailed);
  if (images.empty())
    std::printf("no images in %s%s\n", path.c_str(), store != nullptr ? "" : ", where there is no store yet");
  else
    print_table(images, detailed);
}

}  // namespace templatefs::cli
