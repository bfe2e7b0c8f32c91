// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "base/error.h"
#include "tests/support/scoped_variable.h"
#include "vm/builder.h"
#include "vm/filesystem.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace templatefs::vm {

/// A directory of the test's own below TMPDIR, removed at its end.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(ScratchDirectory const&) = delete;
  ScratchDirectory& operator=(ScratchDirectory const&) = delete;

  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  std::string const& path() const { return path_; }

 private:
  std::string path_;
};

/// Fails a test that leaves a descriptor or a child process behind, and gives it a directory.
class VmTest : public testing::Test {
 protected:
  VmTest();
  void TearDown() override;

  ScratchDirectory scratch_;

 private:
  int descriptors_before_;
};

using test::ScopedVariable;

void write_file(std::string const& path, std::string_view bytes, unsigned mode = 0644);
/// An executable shell script.
void write_script(std::string const& path, std::string const& body);
/// A sparse file. Returns its path.
std::string make_image(std::string const& path, std::int64_t bytes);
std::int64_t allocated_bytes(std::string const& path);
/// The bytes at the filesystem's magic offset.
std::string magic_of(std::string const& image, Filesystem const& filesystem);
/// Runs a command, its output added to the failure if it does not exit 0.
testing::AssertionResult succeeds(std::vector<std::string> const& argv);
/// fsck by the table's check_command.
testing::AssertionResult is_clean(Filesystem const& filesystem, std::string const& image);

BuildSpec spec_of(std::string_view filesystem, std::int64_t mib, std::vector<std::string> arguments = {});

/// What a call threw; fails the test where it threw nothing.
template <class F>
Error error_of(F&& call) {
  try {
    call();
  } catch (Error const& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(0, "nothing was thrown");
}

}  // namespace templatefs::vm
