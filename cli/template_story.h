// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/setup.h"

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// What a store says of the template that a request needs, and of those that other inputs made for it.
struct TemplateStory {
  std::string text;             // for people, in lines; ends in a newline
  nlohmann::ordered_json json;  // the `template` of schema templatefs.why/1
};

/// Builds nothing. Throws Error where the request's key cannot be made here: ENOPKG, EINVAL and more.
TemplateStory tell_of_template(BuilderOptions const& builder, std::optional<cache::Store> const& store,
                               cache::TemplateRequest const& request);

}  // namespace templatefs::cli
