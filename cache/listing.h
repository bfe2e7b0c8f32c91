// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/lock_holders.h"
#include "cache/manifest.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace templatefs::cache {

/// One entry of templates/ as it stands, whatever its state.
struct TemplateEntry {
  std::string key;
  std::optional<Manifest> manifest;  // empty where it is missing or unreadable: see problem
  std::string problem;
  std::int64_t capacity_bytes = 0;   // the image's length
  std::int64_t allocated_bytes = 0;  // now
  std::vector<LockHolder> users;     // who holds its lock
  std::vector<std::string> names;    // the stored recipes that it belongs to
};

/// What templates/ holds, sorted.
struct TemplateNames {
  std::vector<std::string> keys;
  std::vector<std::string> foreign;  // names that no key could have: not made by us, and not ours to touch
};
TemplateNames template_names(int store_dir);

/// One of them, which need not be there. Takes no lock and makes no lock file. Throws Error.
TemplateEntry look_at_template(int store_dir, std::string const& key);

/// All published templates, by key. Takes no lock and makes no lock file. Throws Error.
std::vector<TemplateEntry> list_templates(int store_dir);

/// Capacities (MiB) for which any template of this recipe is published, ascending.
std::vector<std::int64_t> published_capacities(int store_dir, std::string const& recipe);

}  // namespace templatefs::cache
