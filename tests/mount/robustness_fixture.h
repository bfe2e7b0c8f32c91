// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"
#include "tests/support/program.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace templatefs::test {

inline constexpr bool kSanitized = TEMPLATEFS_TEST_SANITIZED;
/// How much longer a bound on a duration is under a sanitizer.
inline constexpr int kSlowness = kSanitized ? 8 : 1;

/// Fails the test where a sanitizer spoke in a daemon's output.
void expect_no_sanitizer_report(std::string const& output);

/// A store on a filesystem of the test's own, and daemons on it. Every daemon that the test does not kill
/// must end in order, with exit status 0 and without a trace in the store; none may have printed a
/// sanitizer's report.
class RobustnessTest : public LeakCheck {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Before the first daemon. xfs of 8 GiB where the test does not ask.
  void use_filesystem(std::string const& type, std::int64_t bytes = std::int64_t{8} << 30);
  std::string store() const { return *filesystem_ / "store"; }
  /// Names in a directory of the store, sorted; "" for the store itself.
  std::vector<std::string> in_store(std::string const& directory) const;

  Daemon& mount(std::vector<std::string> const& options = {"--builder", "host"},
                std::string const& mount_point = {});
  /// SIGTERM to its end.
  void unmount(Daemon& daemon);
  /// SIGKILL; its mount point stays, dead.
  void kill(Daemon& daemon);
  /// It was killed by other means, or is about to be.
  void expect_killed(Daemon const& daemon);

 private:
  struct Running {
    std::unique_ptr<Daemon> daemon;
    bool killed = false;
    bool ended = false;
  };
  void check_end(Running& running);
  Running& find(Daemon const& daemon);

  std::optional<LoopFilesystem> filesystem_;
  std::vector<Running> daemons_;
};

}  // namespace templatefs::test
