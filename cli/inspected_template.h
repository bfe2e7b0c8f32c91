// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/listing.h"
#include "cache/store.h"
#include "cli/template_json.h"

#include <string>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// Everything that is known of one template.
struct InspectedTemplate {
  cache::TemplateEntry entry;
  TemplateUse use;
  std::string directory;  // in the store, absolute

  nlohmann::ordered_json to_json() const;
  /// Lines of at most 80 columns where words allow it.
  std::string to_text() const;
};

/// Throws Error.
InspectedTemplate inspect_template(cache::Store const& store, std::string const& key);

}  // namespace templatefs::cli
