// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::test {

/// A directory below TMPDIR (else /var/tmp), mode 0755, removed with all it holds.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(TempDir const&) = delete;
  TempDir& operator=(TempDir const&) = delete;

  std::string const& path() const noexcept { return path_; }
  std::string operator/(std::string const& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace templatefs::test
