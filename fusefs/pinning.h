// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <optional>
#include <string>
#include <string_view>

// Pins as a mount sees them; cache/pins.h is what they are.
namespace templatefs::fusefs {

inline constexpr std::string_view kKeepAttribute = "user.templatefs.keep";

/// The image that is open outlives the mount from now on, or no longer. Throws Error.
void pin(Filesystem& fs, fuse_ino_t number, OpenImage const& open, std::string_view reason);
void unpin(Filesystem& fs, fuse_ino_t number, OpenImage const& open);
/// After a change of its owner or mode, which a pin carries along.
void refresh_pin(Filesystem& fs, fuse_ino_t number, OpenImage const& open);

/// Why it was pinned; empty for one that is not. Throws Error.
std::optional<std::string> reason_of_pin(Filesystem& fs, fuse_ino_t number);

/// Shows the images that a new mount finds in its session, those that it recovered, and with `adopt` those
/// that are pinned in the store. Before the mount answers anybody. Throws Error.
void restore_images(Filesystem& fs, bool adopt);

}  // namespace templatefs::fusefs
