// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/extent_usage.h"
#include "cache/listing.h"
#include "cache/store.h"

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// What a template takes and when it was last used: a look at its extents and at its lock.
struct TemplateUse {
  std::optional<cache::Usage> usage;  // of its image; empty where there is none
  std::int64_t used_at_ms = -1;       // since the epoch
};
/// Throws Error.
TemplateUse use_of_template(cache::Store const& store, std::string const& key);
void add_use(nlohmann::ordered_json& row, TemplateUse const& use);

/// A template as `ls --json` and `inspect --json` show it.
nlohmann::ordered_json template_json(cache::TemplateEntry const& entry);

}  // namespace templatefs::cli
