// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/mount_table.h"
#include "tests/mount/environment.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <gmock/gmock.h>

#include <unistd.h>

// `templatefs mount` returns once the mount answers, or says why it does not.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Start : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    filesystem_ = std::make_unique<LoopFilesystem>("xfs");
  }
  void TearDown() override {
    filesystem_.reset();
    LeakCheck::TearDown();
  }
  std::string on_store(std::string const& name) const { return *filesystem_ / name; }
  std::string in_dir(std::string const& name) const { return dir_ / name; }

  CommandOutput mount(std::vector<std::string> const& options, std::string const& mount_point) const {
    std::vector<std::string> words{"mount", "--builder", "host"};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(mount_point);
    return run_program(words);
  }
  /// In the background and in the foreground: exit status 1 and the reason on the terminal, nothing mounted.
  void expect_refused(std::vector<std::string> const& options, std::string const& mount_point,
                      ::testing::Matcher<std::string> const& reason) const {
    auto const mounts = read_mount_table().size();
    auto foreground = options;
    foreground.emplace_back("-f");
    for (auto const& each : {options, foreground}) {
      auto const output = mount(each, mount_point);
      EXPECT_EQ(output.status.describe(), "exit status 1") << output.text;
      EXPECT_THAT(output.text, AllOf(HasSubstr("templatefs: "), reason));
      EXPECT_EQ(read_mount_table().size(), mounts);
    }
  }

 private:
  std::unique_ptr<LoopFilesystem> filesystem_;
  TempDir dir_;
};

TEST_F(Start, InTheBackgroundItAnswersOnceTheCommandReturns) {
  auto const output = mount({"--store", on_store("store")}, in_dir("mnt"));
  ASSERT_TRUE(output.status.success()) << output.text;
  EXPECT_THAT(output.text, AllOf(HasSubstr("mounted " + in_dir("mnt")), HasSubstr("fan-out reflink"),
                                 HasSubstr("passthrough yes")));
  auto const status = status_of(in_dir("mnt"));
  EXPECT_EQ(status["mount_point"], in_dir("mnt"));
  EXPECT_EQ(status["store"]["path"], on_store("store"));
  EXPECT_EQ(open_outcome(in_dir("mnt/ext4/16M/a.img"), O_RDWR), "ok");
  // It holds nothing of whoever started it, not even a working directory.
  std::string const process = "/proc/" + std::to_string(status["pid"].get<int>());
  char target[256] = {};
  ASSERT_GT(::readlink((process + "/cwd").c_str(), target, sizeof target - 1), 0);
  EXPECT_STREQ(target, "/");
  for (char const* const fd : {"/fd/0", "/fd/1", "/fd/2"}) {
    char null[256] = {};
    ASSERT_GT(::readlink((process + fd).c_str(), null, sizeof null - 1), 0);
    EXPECT_STREQ(null, "/dev/null") << fd;
  }
  EXPECT_THAT(read_file(AT_FDCWD, on_store("store/templatefs.log")), HasSubstr("mounted " + in_dir("mnt")));

  auto const ended = run_program({"umount", in_dir("mnt")});
  EXPECT_TRUE(ended.status.success()) << ended.text;
  EXPECT_FALSE(mount_at(in_dir("mnt")));
  EXPECT_THAT(names_in(on_store("store/sessions")), IsEmpty());
  EXPECT_EQ(names_in(on_store("store/templates")).size(), 1u);
}

TEST_F(Start, TakesRelativePathsFromWhereItWasCalled) {
  std::string const command = "cd " + in_dir(".") + " && TEMPLATEFS_STORE= && unset TEMPLATEFS_STORE && " +
                              program_path() + " mount --builder host --store ../" +
                              on_store("store").substr(on_store("store").find("templatefs-test-")) +
                              " --log here.log ./mnt";
  auto const output = run_command({"sh", "-c", command}, Deadline::after(std::chrono::seconds(20)));
  ASSERT_TRUE(output.status.success()) << output.text;
  EXPECT_EQ(status_of(in_dir("mnt"))["store"]["path"], on_store("store"));
  EXPECT_TRUE(run_program({"umount", in_dir("mnt")}).status.success());
  EXPECT_THAT(read_file(AT_FDCWD, in_dir("here.log")), HasSubstr("unmounted"));
}

TEST_F(Start, IsRefusedOnAMountPointThatIsNoEmptyDirectory) {
  replace_file(AT_FDCWD, in_dir("file"), "text", 0644, false);
  expect_refused({"--store", on_store("store")}, in_dir("file"), HasSubstr(in_dir("file")));
  make_directories(AT_FDCWD, in_dir("full/sub"), 0755);
  expect_refused({"--store", on_store("store")}, in_dir("full"),
                 AllOf(HasSubstr(in_dir("full")), HasSubstr("empty directory")));
  expect_refused({"--store", on_store("store")}, in_dir("missing/mnt"),
                 AllOf(HasSubstr(in_dir("missing/mnt")), HasSubstr("parent")));
  EXPECT_THAT(names_in(in_dir("full")), ElementsAre("sub"));
  EXPECT_EQ(::access(on_store("store").c_str(), F_OK), -1) << "no store was made for it";
}

TEST_F(Start, IsRefusedWithFuseOptionsThatNobodyKnows) {
  expect_refused({"--store", on_store("store"), "-o", "no_such_option"}, in_dir("mnt"),
                 HasSubstr("no_such_option"));
  EXPECT_THAT(names_in(on_store("store/sessions")), IsEmpty());
}

TEST_F(Start, IsRefusedWithFuseOptionsThatTheKernelRefuses) {
  expect_refused(
      {"--store", on_store("store"), "-o", "context=nobody"}, in_dir("mnt"),
      AllOf(HasSubstr("Invalid argument"), HasSubstr("Look at the -o options"), Not(HasSubstr("AppArmor"))));
}

TEST_F(Start, IsRefusedWithValuesThatMakeNoSense) {
  expect_refused({"--store", on_store("store"), "--max-capacity", "12"}, in_dir("mnt"),
                 HasSubstr("--max-capacity 12"));
  expect_refused({"--store", on_store("store"), "--store-size", "lots"}, in_dir("mnt"),
                 HasSubstr("--store-size lots"));
  EXPECT_EQ(mount({"--store", on_store("store"), "--fanout", "magic"}, in_dir("mnt")).status.describe(),
            "exit status 2");
  EXPECT_EQ(mount({"--no-such-option"}, in_dir("mnt")).status.describe(), "exit status 2");
}

TEST_F(Start, NeverTakesAForeignDirectoryForAStore) {
  make_directories(AT_FDCWD, on_store("foreign/sessions/old"), 0755);
  replace_file(AT_FDCWD, on_store("foreign/thesis.tex"), "years of work", 0644, false);
  expect_refused({"--store", on_store("foreign")}, in_dir("mnt"),
                 AllOf(HasSubstr(on_store("foreign")), HasSubstr("FORMAT")));
  EXPECT_THAT(names_in(on_store("foreign")), ElementsAre("sessions", "thesis.tex"));
  EXPECT_THAT(names_in(on_store("foreign/sessions")), ElementsAre("old"));
  expect_refused({"--store", on_store("foreign/thesis.tex")}, in_dir("mnt"), HasSubstr("thesis.tex"));
}

TEST_F(Start, NeverGuessesAtAnotherFormatVersion) {
  make_directories(AT_FDCWD, on_store("other/templates"), 0755);
  replace_file(AT_FDCWD, on_store("other/FORMAT"), "templatefs store 2\n", 0644, false);
  expect_refused({"--store", on_store("other")}, in_dir("mnt"),
                 AllOf(HasSubstr("templatefs store 2"), HasSubstr("another --store")));
  EXPECT_THAT(names_in(on_store("other")), ElementsAre("FORMAT", "templates"));
  for (char const* const command : {"ls", "clean"})
    EXPECT_EQ(run_program({command, "--store", on_store("other")}).status.describe(), "exit status 1")
        << command;
}

TEST_F(Start, RefusesARelativeOrEmptyStoreVariable) {
  for (char const* const value : {"relative/store", "", "~/store"}) {
    EnvironmentVariable const store("TEMPLATEFS_STORE", value);
    expect_refused({}, in_dir("mnt"), AllOf(HasSubstr("TEMPLATEFS_STORE"), HasSubstr("absolute")));
    EXPECT_EQ(run_program({"ls"}).status.describe(), "exit status 1");
  }
}

TEST_F(Start, FindsItsStoreInTheEnvironment) {
  EnvironmentVariable const store("TEMPLATEFS_STORE", on_store("by-variable"));
  ASSERT_TRUE(mount({}, in_dir("mnt")).status.success());
  EXPECT_EQ(status_of(in_dir("mnt"))["store"]["path"], on_store("by-variable"));
  EXPECT_TRUE(run_program({"umount", in_dir("mnt")}).status.success());
  ASSERT_TRUE(mount({"--store", on_store("by-option")}, in_dir("mnt")).status.success());
  EXPECT_EQ(status_of(in_dir("mnt"))["store"]["path"], on_store("by-option"));
  EXPECT_TRUE(run_program({"umount", in_dir("mnt")}).status.success());
}

}  // namespace

}  // namespace templatefs::test
