// SPDX-License-Identifier: Apache-2.0
#pragma once

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
};
std::string_view state_name(ImageEntry::State state);

/// All private images in the store, by path. Throws Error.
std::vector<ImageEntry> list_images(int store_dir);

}  // namespace templatefs::cache
