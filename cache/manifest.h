// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/key.h"
#include "vm/builder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace templatefs::cache {

/// What is written beside each template: where it came from, in full.
struct Manifest {
  std::string key;
  std::string recipe;
  std::string filesystem;
  std::int64_t capacity_bytes = 0;
  std::int64_t allocated_bytes = 0;  // at publish
  std::string content_sha256;        // base/content_digest.h; empty: none is known, or one of another form
  std::int64_t built_at_ms = 0;      // since the epoch
  std::int64_t build_ms = 0;
  vm::BuildReport report;
  std::vector<vm::Input> fields;
  std::string lineage = {};  // a JSON object, where the image was not built: see store_image.h

  std::string to_json() const;
  /// Throws Error(EBADMSG) saying what is wrong with the text.
  static Manifest from_json(std::string const& text);
};

}  // namespace templatefs::cache
