// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temp_dir.h"

#include "base/error.h"
#include "base/files.h"

#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::test {

TempDir::TempDir() {
  char const* const root = std::getenv("TMPDIR");
  path_ = std::string(root != nullptr ? root : "/var/tmp") + "/templatefs-test-" +
          std::to_string(::getpid()) + "-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw_errno("make", path_);
  check(::chmod(path_.c_str(), 0755), "set the mode of", path_);
}

TempDir::~TempDir() {
  try {
    remove_tree(AT_FDCWD, path_);
  } catch (Error const& error) {
    std::fprintf(stderr, "left behind: %s\n", error.sentence().c_str());
  }
}

}  // namespace templatefs::test
