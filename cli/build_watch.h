// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/mount_status.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace templatefs::cli {

/// A build as somebody who looks at status.json now and then sees it.
struct WatchedBuild {
  std::string mount_point;
  std::string name;  // "btrfs/256M"
  std::string phase;
  std::chrono::milliseconds elapsed{0};
  std::int64_t waiters = 0;
  std::int64_t images = 0;

  /// "/mnt/templates/btrfs/256M"
  std::string path() const { return mount_point + "/" + name; }
};

/// Those of a mount that answers.
std::vector<WatchedBuild> builds_of(MountStatus const& mount);

struct BuildEvent {
  enum class Kind { phase, done, failed } kind;
  WatchedBuild build;   // of a build that is over: as it was last seen, with the time it took
  std::string failure;  // the record of an open that failed by it
};

/// Makes events of what changes from one look to the next. What begins and ends in between is not seen.
class BuildWatch {
 public:
  /// Looks at the mounts. Returns what happened since the last look.
  std::vector<BuildEvent> look(std::vector<std::string> const& mount_points);

  /// Those that run, as the last look saw them.
  std::vector<WatchedBuild> running() const;
  /// How many of the mounts answered the last look.
  std::size_t answering() const noexcept { return answering_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Known {
    WatchedBuild build;
    Clock::time_point seen;
    bool over = false;  // reported by the next look: its failures are recorded a moment after its end
  };

  void see(WatchedBuild const& build, Clock::time_point now, std::vector<BuildEvent>& events);
  static BuildEvent end_of(Known const& known);

  std::map<std::pair<std::string, std::string>, Known> known_;
  std::size_t answering_ = 0;
};

}  // namespace templatefs::cli
