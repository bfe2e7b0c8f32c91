// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <algorithm>
#include <string>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

namespace templatefs::test {

// Ordinary users.
inline constexpr uid_t kAlice = 1234;
inline constexpr uid_t kBob = 65534;

/// Cases about the disks of one test under one id, MNT/raw/1M/<id>.d/.
class Sets : public SharedMount {
 protected:
  void TearDown() override {
    if (!IsSkipped())
      for (auto const& name : names_in(at("raw/1M"))) {
        ::rmdir(at("raw/1M/" + name).c_str());
        ::unlink(at("raw/1M/" + name).c_str());
      }
    SharedMount::TearDown();
  }
  /// raw/1M/<case>-<name>.d
  std::string set(std::string const& name = "a") const {
    std::string path = image(name);
    return path.replace(path.size() - 4, 4, ".d");
  }
  std::string disk(std::string const& name = "TEST") const { return set() + "/" + name + ".img"; }
  bool is_listed(std::string const& path) const {
    auto const names = names_in(at("raw/1M"));
    return std::find(names.begin(), names.end(), path.substr(path.rfind('/') + 1)) != names.end();
  }
  /// What the mount's session holds of raw/1M.
  std::vector<std::string> in_session(std::string const& below = "") const {
    std::string const session = status_of(mount().mount_point())["session"];
    return names_in_store(mount(), "sessions/" + session + "/images/raw/1M" + below);
  }
  std::string lstat_outcome(std::string const& path) const {
    struct stat st {};
    return outcome(::lstat(path.c_str(), &st));
  }
};

}  // namespace templatefs::test
