// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/churn/disk_model.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace templatefs::test {

enum class Act {
  make,  // the first open of a name
  write,
  write_past_cache,  // O_DIRECT
  write_mapped,
  punch,
  read,
  rename,
  unlink,
  pin,
  unpin,
  snapshot,
  revert,
};
std::string_view name_of(Act act);

/// One thing that a process does to an image through a mount.
struct Action {
  Act act;
  unsigned mount;         // which of them
  std::string image;      // "plain/24M/3-17.img"
  std::size_t block = 0;  // that is written or punched
  Stamp stamp = 0;
  std::string other = {};  // the new name, or the snapshot's; of a revert: "" is the template
};
std::string to_text(Action const& action);

/// 0 or the errno. `path` is the image's, `renamed` that of the new name.
int perform(Action const& action, std::string const& path, std::string const& renamed);

}  // namespace templatefs::test
