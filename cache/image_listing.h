// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/extent_usage.h"
#include "cache/pins.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace templatefs::cache {

/// A private image as it lies in the store.
struct ImageEntry {
  enum class State { live, dead, kept };

  std::string path;   // in its mount: "btrfs/256M/t1.img"
  State state;        // of a mount or command that runs; left by one that is gone; in no session, pinned
  std::string where;  // the mount point; empty for one that is kept
  uid_t uid = 0;
  std::int64_t bytes = 0;
  std::int64_t allocated_bytes = 0;
  std::optional<Pin> pin = {};
  // By a close look alone:
  std::optional<Usage> usage = {};
  std::optional<std::int64_t> made_at_ms = {};  // empty also where the store's filesystem does not keep it
};
std::string_view state_name(ImageEntry::State state);

/// A close one syncs each image, for blocks have no place before, and takes a while where there are many.
enum class Look { quick, close };

/// All private images in the store, by path. Throws Error.
std::vector<ImageEntry> list_images(int store_dir, Look look = Look::quick);

}  // namespace templatefs::cache
