// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/churn/action.h"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace templatefs::test {

enum class Known { no, yes, maybe };

/// What must be true of an image.
struct ImageModel {
  unsigned worker = 0;  // the process that changes it
  Known exists = Known::yes;
  Known pinned = Known::no;
  std::optional<DiskModel> disk;  // empty until it is first looked at
  std::map<std::string, DiskModel> snapshots;
  bool inherited = false;  // from a mount that ended: its template need not be there any more
};

/// What an action came to: 0, an errno, or that nobody saw its end.
struct Outcome {
  Action action;
  int err;
};

/// How a mount ended during a round.
struct Ending {
  unsigned mount;
  bool killed;     // else it was told to end
  bool recovers;   // the next one adopts what is left
  bool was_swept;  // somebody may have swept before that
};

/// What must be in two mounts of a store, and what happens to it next.
class ChurnModel {
 public:
  using Name = std::pair<unsigned, std::string>;  // the mount, and the path in it

  explicit ChurnModel(std::uint64_t seed) : random_(seed) {}

  /// What one process is to do in this round, on images that are its own.
  std::vector<Action> plan(unsigned worker);
  /// `disturbed` is the mount that ended in this round. Returns what no action may come to.
  std::vector<std::string> apply(std::vector<Outcome> const& outcomes, std::optional<unsigned> disturbed);
  void apply(Ending const& ending);

  /// The images there are now. One that may be there and is not listed is forgotten.
  std::map<Name, ImageModel>& images() noexcept { return images_; }
  /// True once in so many times.
  bool chance(unsigned times) { return below(times) == 0; }
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }

 private:
  Action change_of(Name const& name, ImageModel const& image);
  std::optional<Action> deed_on(Name const& name, ImageModel const& image);
  std::string new_name(std::string const& directory);
  void happened(Action const& action);
  void may_have_happened(Action const& action);

  std::mt19937_64 random_;
  std::map<Name, ImageModel> images_;
  Stamp last_stamp_ = 0;
  unsigned last_name_ = 0;
};

/// Directories that images are made in.
std::vector<std::string> const& churned_directories();

}  // namespace templatefs::test
