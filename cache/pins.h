// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/session.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

// Images that outlive their mount. A pin is a mark on the image's file, so that it follows a rename and costs
// nothing else. Whoever removes the session, its mount or a sweep, first moves what is marked to pinned/ in
// the store, and the next mount takes it from there among its own images.
//
// At every moment the bytes are in one place or, after a crash in the middle of a move, in two with the same
// pin id; the second is then dropped. Moves are alone in the store (locks/pinned.lock).
namespace templatefs::cache {

inline constexpr std::size_t kLongestReason = 1024;  // bytes

/// What a pinned image carries along.
struct Pin {
  std::string id = {};         // random, the same for all copies of one image
  std::string reason = {};     // as given by whoever pinned it; may be empty
  std::string made_from = {};  // the template's key; empty where it was made empty
  uid_t uid = 0;               // as its mount showed it
  gid_t gid = 0;
  mode_t mode = 0;  // permission bits
  std::int64_t pinned_at_ms = 0;
};

/// Marks an open image of the session, durably; a new mark replaces an old one and keeps its id. Throws
/// Error: ENOTSUP where the store's filesystem has no extended attributes.
void pin_image(Session const& session, int image, Pin pin);
/// What is not pinned stays so. Throws Error.
void unpin_image(int image);
/// Empty for an image that is not pinned.
std::optional<Pin> read_pin(int image);

/// Moves the marked images of a session that is about to be removed to pinned/; the caller holds its lock.
/// Where the path is taken by another image, a name is made from it: "t1~2.img". Returns their number. Throws
/// Error, and the rest stays in the session.
unsigned keep_pinned(int store_dir, std::string const& session);

/// Moves what pinned/ holds and the mount can show among the images of a new mount. What fails is logged and
/// stays. Returns the number moved.
unsigned adopt_pinned(int store_dir, Session const& session,
                      std::function<bool(std::string const& path)> const& can_be_shown);

}  // namespace templatefs::cache
