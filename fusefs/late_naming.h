// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/guarded.h"
#include "cache/late_names.h"
#include "fusefs/libfuse.h"

#include <vector>

// An image that was made ahead keeps its file's name for some seconds (cache/late_names.h). Whoever needs the
// file where it belongs, to replace it or to have it survive, gives it its name first; all others look for it
// in both places (image_files.h).
namespace templatefs::fusefs {

struct Filesystem;

/// Images whose files have yet to get their names. Thread-safe.
class LateNaming {
 public:
  void add(fuse_ino_t number) {
    waiting_.with([&](Waiting& all) { all.young.push_back(number); });
  }
  /// To be called every few seconds, by one thread. Names those that were added before the last call, for a
  /// second at most; what lives shorter never takes the time. While images come by the hundred, renames would
  /// be in their way: it waits for that to end, for a minute. Failures are logged.
  void name_the_old(Filesystem& fs);

 private:
  struct Waiting {
    std::vector<fuse_ino_t> young;
    std::vector<fuse_ino_t> old;
    unsigned postponed = 0;  // calls in a row
  };
  static std::vector<fuse_ino_t> take_due(Waiting& all);
  Guarded<Waiting> waiting_;
};

/// Gives an image its name where it has yet to get it. Throws Error; then it is what it was.
void name_now(Filesystem& fs, fuse_ino_t number);

/// Removes the file that a late name stands for, for whoever took it from a node or had none to give it to.
void remove_late(Filesystem& fs, cache::LateName const& late) noexcept;

}  // namespace templatefs::fusefs
