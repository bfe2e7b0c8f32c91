// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"
#include "tests/support/program.h"

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace templatefs::test {

inline constexpr char kOnXfs[] = "xfs";
inline constexpr char kOnBtrfs[] = "btrfs";
/// xfs below two overlays, deeper than the kernel's passthrough goes: reads and writes come through the
/// daemon, for root as for anybody.
inline constexpr char kThroughDaemon[] = "xfs_through_the_daemon";

/// A store on a fresh filesystem, and a daemon that serves it to all users with the host's formatters.
class MountedStore {
 public:
  explicit MountedStore(std::string const& kind, std::vector<std::string> const& more_options = {});
  ~MountedStore();
  MountedStore(MountedStore const&) = delete;
  MountedStore& operator=(MountedStore const&) = delete;

  /// A path in the mount.
  std::string operator/(std::string const& name) const { return *daemon_ / name; }
  std::string const& mount_point() const { return daemon_->mount_point(); }
  std::string const& store() const noexcept { return store_; }
  /// A path beside the store, on its filesystem.
  std::string beside(std::string const& name) const { return root_ + "/" + name; }
  Daemon& daemon() const { return *daemon_; }

 private:
  LoopFilesystem filesystem_;
  std::vector<std::string> overlays_;  // in mount order
  std::string root_;
  std::string store_;
  std::unique_ptr<Daemon> daemon_;
};

/// All that a mount's top directory lists, sorted as names_in() does.
std::vector<std::string> recipe_names();

/// Cases that share one mounted store of each kind for the life of their suite. Each uses names of its own.
class SharedMount : public LeakCheck {
 public:
  static void TearDownTestSuite();

 protected:
  void SetUp() override;
  /// The kind of store that the case runs on.
  virtual std::string kind() const { return kOnXfs; }

  MountedStore& mount() const { return *mount_; }
  /// A path in the mount.
  std::string at(std::string const& name) const { return *mount_ / name; }
  /// An image of this case's own, cheap to make: raw/1M/<case>-<name>.img.
  std::string image(std::string const& name = "a") const;

 private:
  MountedStore* mount_ = nullptr;
};

/// The same, for each kind that a suite is instantiated with (see INSTANTIATE_ON_ALL_STORES).
class OnEachStore : public SharedMount, public ::testing::WithParamInterface<char const*> {
 protected:
  std::string kind() const override { return GetParam(); }
};

#define INSTANTIATE_ON_ALL_STORES(suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(Stores, suite, ::testing::Values(kOnXfs, kOnBtrfs, kThroughDaemon), \
                           [](auto const& each) { return std::string(each.param); })

/// MNT/.templatefs/status.json.
nlohmann::json status_of(std::string const& mount_point);
/// Names in a directory, sorted, as readdir gives them, without "." and "..".
std::vector<std::string> names_in(std::string const& directory);
/// Names of the entries of STORE/locks, STORE/templates and such; empty where it does not exist.
inline std::vector<std::string> names_in_store(MountedStore const& mount, std::string const& name) {
  return names_in(mount.store() + "/" + name);
}

}  // namespace templatefs::test
