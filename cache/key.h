// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/recipe.h"
#include "vm/builder.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::cache {

/// A template's name in the store, and every input that went into it, field by field.
struct Key {
  std::string name;               // "btrfs-256m-a1b2c3d4e5f6a7b8"
  std::vector<vm::Input> fields;  // in canonical order
};

/// Computes the key of a request with this builder. Throws what Builder::inputs throws (ENOPKG).
Key make_key(TemplateRequest const& request, vm::Builder& builder);

/// The text that is hashed: one "field=value" line an input, newlines and % in values percent-encoded.
std::string canonical_text(std::vector<vm::Input> const& fields);

/// The parts of a key's name.
struct KeyParts {
  std::string recipe;
  std::int64_t mib = 0;
  std::string fingerprint;
};
/// Empty for a name that no key could have (a foreign directory in the store).
std::optional<KeyParts> parse_key_name(std::string_view name);

}  // namespace templatefs::cache
