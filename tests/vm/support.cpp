// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/support.h"

#include "base/digest.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/random_name.h"

#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

int count_descriptors() {
  int count = 0;
  for_each_entry(AT_FDCWD, "/proc/self/fd", [&](std::string const&) { ++count; });
  return count;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  char const* const base = std::getenv("TMPDIR");
  path_ = std::string(base != nullptr ? base : "/tmp") + "/templatefs-vm-" + random_hex(8);
  make_directories(AT_FDCWD, path_, 0700);
}

ScratchDirectory::~ScratchDirectory() {
  remove_tree(AT_FDCWD, path_);
}

VmTest::VmTest() {
  // OpenSSL and the loader keep descriptors or threads of their own from their first use on.
  (void)sha256("");
  descriptors_before_ = count_descriptors();
}

void VmTest::TearDown() {
  EXPECT_EQ(count_descriptors(), descriptors_before_) << "descriptors were left open";
  errno = 0;
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child process was left";
  EXPECT_EQ(errno, ECHILD);
}

void write_file(std::string const& path, std::string_view bytes, unsigned mode) {
  make_directories(AT_FDCWD, path.substr(0, path.rfind('/')), 0700);
  Fd const fd = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  write_all(fd.get(), bytes, path);
}

void write_script(std::string const& path, std::string const& body) {
  write_file(path, "#!/bin/sh\n" + body + "\n", 0755);
}

std::string make_image(std::string const& path, std::int64_t bytes) {
  Fd const fd = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  check(::ftruncate(fd.get(), bytes), "resize", path);
  return path;
}

std::int64_t allocated_bytes(std::string const& path) {
  struct stat st {};
  check(::stat(path.c_str(), &st), "stat", path);
  return st.st_blocks * 512;
}

std::string magic_of(std::string const& image, Filesystem const& filesystem) {
  Fd const fd = open_at(AT_FDCWD, image, O_RDONLY);
  std::string bytes(filesystem.magic.size(), '\0');
  check(::pread(fd.get(), bytes.data(), bytes.size(), filesystem.magic_offset), "read", image);
  return bytes;
}

testing::AssertionResult succeeds(std::vector<std::string> const& argv) {
  auto const result = run_command(argv, Deadline::after(std::chrono::seconds(180)));
  if (result.status.success()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << argv[0] << ": " << result.status.describe() << "\n" << result.text;
}

testing::AssertionResult is_clean(Filesystem const& filesystem, std::string const& image) {
  auto argv = filesystem.check_command;
  argv.push_back(image);
  return succeeds(argv);
}

BuildSpec spec_of(std::string_view filesystem, std::int64_t mib, std::vector<std::string> arguments) {
  return {find_filesystem(filesystem), Capacity::of_mib(mib), std::move(arguments)};
}

}  // namespace templatefs::vm
