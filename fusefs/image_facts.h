// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <optional>
#include <string>
#include <string_view>

namespace templatefs::fusefs {

/// What the attribute user.templatefs.<name> says of an image or of a capacity's directory, where that takes
/// a look at the backing file or at the cache:
///
///   key                             the key that a request of this path has now, where the cache knows it
///   created                         when the image was made (RFC 3339), if the store's filesystem knows
///   opener                          who opened it first: "uid=1000 gid=1000"
///   exclusive_bytes, shared_bytes   what it takes of the store, after an fsync of it
///
/// Empty for everything else. Waits for no build and starts nothing. Throws Error (the store's).
std::optional<std::string> image_fact(Filesystem& fs, fuse_ino_t number, std::string_view name);

}  // namespace templatefs::fusefs
