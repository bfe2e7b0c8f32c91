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

/// Everything that is known of one template.
struct InspectedTemplate {
  cache::TemplateEntry entry;
  std::optional<cache::Usage> usage;  // of its image; empty where there is none
  std::int64_t used_at_ms = -1;       // since the epoch
  std::string directory;              // in the store, absolute

  nlohmann::ordered_json to_json() const;
  /// Lines of at most 80 columns where words allow it.
  std::string to_text() const;
};

/// Throws Error.
InspectedTemplate inspect_template(cache::Store const& store, std::string const& key);

}  // namespace templatefs::cli
