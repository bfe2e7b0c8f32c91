// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "tests/support/temp_dir.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace templatefs::test {

/// `templatefs mount -f` as an ordinary user, through fusermount3. Its mount is that user's alone: root may
/// not look.
class UnprivilegedDaemon {
 public:
  static constexpr uid_t kUser = 65534;

  enum class May {
    nothing,
    mount,  // CAP_SYS_ADMIN and no other capability, as the service has it: then all may look, with
            // allow_other
  };

  /// Returns once the mount answers; throws Error with the daemon's output otherwise.
  UnprivilegedDaemon(std::string const& store, std::vector<std::string> const& options,
                     May may = May::nothing);
  ~UnprivilegedDaemon();
  UnprivilegedDaemon(UnprivilegedDaemon const&) = delete;
  UnprivilegedDaemon& operator=(UnprivilegedDaemon const&) = delete;

  std::string const& mount_point() const noexcept { return mount_point_; }
  std::string operator/(std::string const& name) const { return mount_point_ + "/" + name; }
  /// The program, where the user can reach it.
  std::string const& program() const noexcept { return program_; }
  std::string output() const;
  void signal(int number) const;
  std::optional<ExitStatus> wait_for_end();

  /// A command run as the user.
  static CommandOutput run_as_user(std::vector<std::string> const& command);

 private:
  TempDir dir_;
  std::string mount_point_;
  std::string program_;
  std::unique_ptr<Child> child_;
};

}  // namespace templatefs::test
