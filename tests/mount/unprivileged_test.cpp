// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/scope_exit.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/unprivileged_daemon.h"
#include "tests/mount/verify_store.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Runs steps until one fails; the process's exit status is that step's number.
class Steps {
 public:
  void expect(bool good) {
    ++count_;
    if (!good && failed_ == 0) failed_ = count_;
  }
  int failed() const { return failed_; }

 private:
  int count_ = 0;
  int failed_ = 0;
};

/// All that needs no root, done to images of `directory`. 0, or the number of the step that failed.
int use_images(std::string const& directory) {
  Steps steps;
  std::string const path = directory + "/u.img";
  Fd const image(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  steps.expect(static_cast<bool>(image));
  struct stat st {};
  steps.expect(::fstat(image.get(), &st) == 0 && st.st_uid == ::getuid() && S_ISREG(st.st_mode) &&
               st.st_size == 64 << 20);
  steps.expect(::pwrite(image.get(), "written", 7, 1 << 20) == 7);
  steps.expect(::fsync(image.get()) == 0);
  char text[8] = "";
  steps.expect(::pread(image.get(), text, 7, 1 << 20) == 7 && std::strcmp(text, "written") == 0);

  void* const map = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, image.get(), 2 << 20);
  steps.expect(map != MAP_FAILED);
  std::memcpy(map, "mapped", 6);
  steps.expect(::msync(map, 4096, MS_SYNC) == 0 && ::munmap(map, 4096) == 0);
  steps.expect(::pread(image.get(), text, 6, 2 << 20) == 6 && std::strncmp(text, "mapped", 6) == 0);

  Fd const direct(::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
  steps.expect(static_cast<bool>(direct));
  void* const block = std::aligned_alloc(4096, 4096);
  steps.expect(::pread(direct.get(), block, 4096, 1 << 20) == 4096 && std::memcmp(block, "written", 7) == 0);
  std::memset(block, 'd', 4096);
  steps.expect(::pwrite(direct.get(), block, 4096, 3 << 20) == 4096);
  steps.expect(::pread(image.get(), text, 1, 3 << 20) == 1 && text[0] == 'd');
  std::free(block);

  std::string const moved = directory + "/moved.img";
  steps.expect(::rename(path.c_str(), moved.c_str()) == 0);
  steps.expect(::stat(moved.c_str(), &st) == 0 && st.st_blocks > 0);
  steps.expect(::unlink(moved.c_str()) == 0);
  steps.expect(::pread(image.get(), text, 7, 1 << 20) == 7);  // an open image outlives its name
  steps.expect(errno_of_open(directory + "/kept.img") == 0);
  steps.expect(::getxattr(moved.c_str(), "user.templatefs.passthrough", text, sizeof text) == 2 &&
               std::strncmp(text, "no", 2) == 0);
  return steps.failed();
}

class Unprivileged : public RobustnessTest {
 protected:
  void SetUp() override {
    RobustnessTest::SetUp();
    if (IsSkipped()) return;
    if (::chmod("/dev/fuse", 0666) != 0) GTEST_SKIP() << "/dev/fuse is not everybody's";
  }
  static void expect_order(UnprivilegedDaemon& daemon) {
    auto const status = daemon.wait_for_end();
    EXPECT_TRUE(status && status->success()) << daemon.output();
    expect_no_sanitizer_report(daemon.output());
  }
};

TEST_F(Unprivileged, MountsAndServesWithoutPassthroughAndSaysWhy) {
  UnprivilegedDaemon daemon(store(), {"--builder", "host"});
  Client client([&] { return use_images(daemon / "ext4/64M"); }, UnprivilegedDaemon::kUser);
  EXPECT_EQ(client.wait(), 0) << "the number of the step that failed\n" << daemon.output();

  auto const status = UnprivilegedDaemon::run_as_user({"cat", daemon / ".templatefs/status.json"});
  auto const passthrough = nlohmann::json::parse(status.text)["passthrough"];
  EXPECT_EQ(passthrough["active"], false);
  EXPECT_THAT(passthrough["reason"].get<std::string>(), HasSubstr("CAP_SYS_ADMIN"));
  EXPECT_THAT(daemon.output(), AllOf(HasSubstr("passthrough"), HasSubstr("CAP_SYS_ADMIN")));
  EXPECT_EQ(errno_of_open(daemon / "ext4/64M/u.img"), EACCES) << "it is the user's alone";

  daemon.signal(SIGTERM);
  expect_order(daemon);
  EXPECT_THAT(in_store("sessions"), IsEmpty());
  EXPECT_THAT(in_store("templates"), SizeIs(1));
  EXPECT_THAT(faults_of_templates(store()), IsEmpty());
}

TEST_F(Unprivileged, BuildsInAGuestAndIsUnmountedByFusermount) {
  UnprivilegedDaemon daemon(store(), {"--accel", "tcg"});
  Client client([&] { return use_images(daemon / "ext4/64M"); }, UnprivilegedDaemon::kUser);
  EXPECT_EQ(client.wait(), 0) << "the number of the step that failed\n" << daemon.output();
  auto const unmount = UnprivilegedDaemon::run_as_user({"fusermount3", "-u", daemon.mount_point()});
  EXPECT_TRUE(unmount.status.success()) << unmount.text;
  expect_order(daemon);
  EXPECT_THAT(in_store("sessions"), IsEmpty());
  EXPECT_THAT(faults_of_templates(store()), IsEmpty());
}

TEST_F(Unprivileged, DropsItsSessionOnBtrfsWhereOnlyRootDeletesSubvolumes) {
  use_filesystem("btrfs");
  UnprivilegedDaemon daemon(store(), {"--builder", "host"});
  Client client([&] { return use_images(daemon / "ext4/64M"); }, UnprivilegedDaemon::kUser);
  EXPECT_EQ(client.wait(), 0) << "the number of the step that failed\n" << daemon.output();
  daemon.signal(SIGTERM);
  expect_order(daemon);
  EXPECT_THAT(in_store("sessions"), IsEmpty()) << daemon.output();
}

TEST_F(Unprivileged, TakesOverTheMountPointOfADaemonThatWasKilled) {
  UnprivilegedDaemon daemon(store(), {"--builder", "host"});
  daemon.signal(SIGKILL);
  (void)daemon.wait_for_end();
  // Mounting in the background: the command returns once the successor answers.
  auto const& program = daemon.program();
  Client successor(
      [&] {
        auto const started =
            run_command({program, "mount", "--builder", "host", "--store", store(), daemon.mount_point()},
                        Deadline::after(std::chrono::seconds(20)));
        if (!started.status.success()) return 1;
        int const opened = errno_of_open(daemon / "raw/8M/t.img");
        auto const ended =
            run_command({program, "umount", daemon.mount_point()}, Deadline::after(std::chrono::seconds(20)));
        return opened != 0 ? 2 : ended.status.success() ? 0 : 3;
      },
      UnprivilegedDaemon::kUser);
  EXPECT_EQ(successor.wait(), 0);
  EXPECT_THAT(in_store("sessions"), IsEmpty());
}

/// As the service is, on a disk that cannot reflink.
TEST_F(Unprivileged, WithTheServicesCapabilityItHasPassthroughOnAStoreMadeForIt) {
  use_filesystem("ext4");
  ASSERT_EQ(::chmod(store().substr(0, store().rfind('/')).c_str(), 0755), 0);
  std::vector<std::string> const provision{"provision", "--store", store(), "--store-size",
                                           "2G",        "--owner", "nobody"};
  for (int time = 0; time < 2; ++time) {
    auto const made = run_program(provision);
    ASSERT_TRUE(made.status.success()) << made.text;
    EXPECT_THAT(made.text, AllOf(HasSubstr(store() + ": "), HasSubstr(", owned by nobody")));
  }
  ScopeExit const unmount([&] { ::umount2(store().c_str(), MNT_DETACH); });
  UnprivilegedDaemon daemon(store(), {"--builder", "host", "-o", "allow_other"},
                            UnprivilegedDaemon::May::mount);
  EXPECT_THAT(daemon.output(), AllOf(HasSubstr("fan-out reflink"), HasSubstr("passthrough yes")));
  write_image(daemon / "ext4/64M/a.img", "of root");
  EXPECT_EQ(read_image(daemon / "ext4/64M/a.img", 7), "of root");
  // Root's commands use the store beside it.
  EXPECT_TRUE(run_program({"ls", "--store", store()}).status.success());
  EXPECT_EQ(errno_of_open(daemon / "ext4/64M/b.img"), 0);
  daemon.signal(SIGTERM);
  expect_order(daemon);
  // They leave it mounted, too, and what they made is the user's from the next time on.
  EXPECT_TRUE(run_program({"build", "--builder", "host", "--store", store(), "ext4/65M"}).status.success());
  EXPECT_TRUE(run_program(provision).status.success());
  auto const of_root = run_command({"find", store(), "-uid", "0"}, Deadline::after(std::chrono::seconds(20)));
  EXPECT_EQ(of_root.text, "");
  EXPECT_THAT(in_store("templates"), SizeIs(2)) << "it was unmounted";
  EXPECT_THAT(run_program({"provision", "--store", store(), "--owner", "no-such-user"}).text,
              HasSubstr("find the user no-such-user"));
  TempDir const theirs;
  ASSERT_EQ(::chown(theirs.path().c_str(), UnprivilegedDaemon::kUser, UnprivilegedDaemon::kUser), 0);
  EXPECT_THAT(run_program({"provision", "--store", theirs / "store", "--owner", "nobody"}).text,
              HasSubstr("others than root may write there"));
}

}  // namespace

}  // namespace templatefs::test
