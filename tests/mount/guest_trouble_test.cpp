// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/support/wait_until.h"
#include "vm/kernel_lookup.h"

#include <cerrno>
#include <cstdlib>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// PATH is a directory of the test's own for as long as this lives.
class OwnPath {
 public:
  OwnPath() {
    char const* const path = std::getenv("PATH");
    old_ = path == nullptr ? "" : path;
  }
  ~OwnPath() { ::setenv("PATH", old_.c_str(), 1); }
  OwnPath(OwnPath const&) = delete;
  OwnPath& operator=(OwnPath const&) = delete;

  /// `name` on it is `program`, looked up on the old PATH.
  void add(std::string const& name, std::string const& program) {
    check(::symlink(find_on_path(program).c_str(), (dir_ / name).c_str()), "link", name);
  }
  void enter() { ::setenv("PATH", dir_.path().c_str(), 1); }

 private:
  TempDir dir_;
  std::string old_;
};

class GuestTrouble : public RobustnessTest {
 protected:
  void expect_refusal(Daemon const& daemon, std::string const& image, int err, std::string const& words) {
    EXPECT_EQ(errno_of_open(daemon / image), err) << daemon.output();
    EXPECT_THAT(error_of(daemon / image), HasSubstr(words));
    EXPECT_THAT(file_of(daemon, "why/" + image), HasSubstr(words));
    EXPECT_THAT(processes_mentioning(store(), {daemon.pid()}), IsEmpty());
    EXPECT_THAT(in_store("templates"), IsEmpty());
    EXPECT_THAT(in_store("sessions/" + status_of(daemon).value("session", "") + "/staging"), IsEmpty());
    EXPECT_EQ(errno_of_open(daemon / "raw/8M/other.img"), 0);
  }
};

TEST_F(GuestTrouble, AKernelThatIsNotThereIsENOPKG) {
  Daemon const& daemon = mount({"--accel", "tcg", "--kernel", "/nonexistent/vmlinuz"});
  expect_refusal(daemon, "ext4/64M/t.img", ENOPKG, "linux-image-");
}

TEST_F(GuestTrouble, AKernelWithoutItsModulesIsENOPKG) {
  auto const kernel = vm::find_kernel({});
  std::string image = read_file(AT_FDCWD, kernel.image);
  auto const at = image.find(kernel.version + " (");
  ASSERT_NE(at, std::string::npos);
  image[at] = '0';  // "0.1.0-56-cloud-amd64", of which no modules are installed
  TempDir const dir;
  replace_file(AT_FDCWD, dir / "vmlinuz", image, 0644, false);
  Daemon const& daemon = mount({"--accel", "tcg", "--kernel", dir / "vmlinuz"});
  expect_refusal(daemon, "ext4/64M/t.img", ENOPKG, "linux-image-");
  EXPECT_THAT(error_of(daemon / "ext4/64M/t.img"), HasSubstr("modules"));
}

TEST_F(GuestTrouble, AMissingQemuIsENOPKG) {
  OwnPath path;
  path.add("mkfs.ext4", "mkfs.ext4");
  path.enter();
  Daemon const& daemon = mount({"--accel", "tcg"});
  expect_refusal(daemon, "ext4/64M/t.img", ENOPKG, "qemu-system-x86");
}

TEST_F(GuestTrouble, AMissingFormatterIsENOPKGAndInstallingItHelps) {
  OwnPath path;
  path.add("true", "true");
  auto const real = find_on_path("mkfs.xfs");
  path.enter();
  Daemon const& daemon = mount();
  expect_refusal(daemon, "xfs/300M/t.img", ENOPKG, "mkfs.xfs");
  path.add("mkfs.xfs", real);
  EXPECT_EQ(errno_of_open(daemon / "xfs/300M/t.img"), 0) << "it was installed meanwhile";
}

TEST_F(GuestTrouble, AFormatterThatFailsInTheGuestIsEIOWithItsLastWords) {
  OwnPath path;
  // It has a version, and refuses the formatter's arguments.
  path.add("mkfs.ext4", "e2fsck");
  path.add("qemu-system-x86_64", "qemu-system-x86_64");
  path.enter();
  Daemon const& daemon = mount({"--accel", "tcg"});
  EXPECT_EQ(errno_of_open(daemon / "ext4/64M/t.img"), EIO) << daemon.output();
  EXPECT_THAT(error_of(daemon / "ext4/64M/t.img"),
              AllOf(HasSubstr("exit status"), HasSubstr("Unknown extended option")));
  EXPECT_THAT(processes_mentioning(store(), {daemon.pid()}), IsEmpty());
  EXPECT_THAT(in_store("templates"), IsEmpty());
  EXPECT_THAT(in_store("sessions/" + status_of(daemon).value("session", "") + "/staging"), IsEmpty());
}

}  // namespace

}  // namespace templatefs::test
