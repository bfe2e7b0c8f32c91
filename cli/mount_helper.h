// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace templatefs::cli {

/// A mount as mount(8) asks its helpers for it: `mount.templatefs SPEC DIR [-sfnvrw] [-t TYPE] [-N NS] [-o
/// OPTIONS]`, by the name that the program was started under; or as mount.fuse3 does, `templatefs SPEC DIR -o
/// OPTIONS`.
struct HelperCall {
  std::vector<std::string> words;  // of `templatefs`, from "mount" on
  bool only_pretend = false;       // -f: say what is wrong with them and mount nothing
};

/// mount(8)'s exit statuses for its helpers.
inline constexpr int kHelperUsage = 1;
inline constexpr int kHelperSystem = 2;
inline constexpr int kHelperFailed = 32;

bool is_mount_helper(int argc, char const* const* argv);

/// `mount_command` says what options there are: each is one of -o as well, with "_" for "-" if you like. What
/// only concerns mount(8), systemd or fstab is left out; what is left are FUSE options. Throws Error(EINVAL)
/// for a call that is none.
HelperCall parse_mount_helper(int argc, char const* const* argv, CLI::App const& mount_command);

/// What init systems leave out of the environment: PATH. Root's store is /var/cache/templatefs unless an
/// option, TEMPLATEFS_STORE or the configuration says otherwise. Before the second thread.
void complete_bare_environment();

}  // namespace templatefs::cli
