// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/live_mount.h"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace templatefs::cli {

/// Everything that a mount tells of an image, of a set of them, or of a capacity's directory.
struct InspectedPath {
  std::string path;                                        // absolute
  std::string store;                                       // the mount's
  std::vector<std::pair<std::string, std::string>> facts;  // by name, in order; what is not known is missing

  /// Empty where it is not known.
  std::string fact(std::string const& name) const;
  /// The keys of what it was made from and of what it would be made from now, each once.
  std::vector<std::string> keys() const;

  nlohmann::ordered_json to_json() const;
  std::string to_text() const;
};

/// Opens nothing and builds nothing. Throws Error: ENOENT, with what was meant, for a name that cannot be,
/// EINVAL for what is no place of images.
InspectedPath inspect_path(LiveMount const& mount);

}  // namespace templatefs::cli
