// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/churn/churn_model.h"
#include "tests/support/loop_filesystem.h"
#include "tests/support/program.h"

#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace templatefs::test {

/// A store with a small budget, and two mounts of it. Templates of plain/* take 4 MiB and little more.
class ChurnedStore {
 public:
  static constexpr unsigned kMounts = 2;

  explicit ChurnedStore(std::string const& filesystem);

  std::string path() const { return filesystem_ / "store"; }
  std::string config() const { return filesystem_ / "config.toml"; }
  Daemon& mount(unsigned which) const { return *mounts_.at(which).daemon; }
  std::string path_of(unsigned mount, std::string const& name) const {
    return mounts_.at(mount).dir / "mnt/" + name;
  }

  /// SIGKILL, or SIGTERM. Whatever the program says at an end that is in order, a false comes back otherwise.
  void kill(unsigned which);
  bool end(unsigned which);
  /// On the same mount point. Throws Error.
  void start(unsigned which, bool recover);

  /// What is wrong with it while nobody uses it: what a daemon or a process left behind, in this machine or
  /// in the store.
  std::vector<std::string> leaks() const;

 private:
  struct Mount {
    TempDir dir;
    std::unique_ptr<Daemon> daemon;
    std::size_t descriptors = 0;  // when it had just begun
  };
  std::vector<std::string> debris() const;
  std::multiset<std::string> mounts_of_all() const;

  LoopFilesystem filesystem_;
  std::size_t loops_;  // with its own
  FormatterStandIn formatter_;
  std::array<Mount, kMounts> mounts_;
};

}  // namespace templatefs::test
