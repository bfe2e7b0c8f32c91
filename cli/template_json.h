// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/listing.h"

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// A template as `ls --json` and `inspect --json` show it.
nlohmann::ordered_json template_json(cache::TemplateEntry const& entry);

}  // namespace templatefs::cli
