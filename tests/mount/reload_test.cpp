// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/mount_table.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <gmock/gmock.h>

#include <signal.h>
#include <unistd.h>

// What SIGHUP does to a mount.
namespace templatefs::test {

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Reload : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    filesystem_ = std::make_unique<LoopFilesystem>("xfs");
  }
  void TearDown() override {
    if (pid_ > 0) {
      EXPECT_TRUE(run_program({"umount", mount_point()}).status.success());
    }
    filesystem_.reset();
    LeakCheck::TearDown();
  }

  std::string mount_point() const { return dir_ / "mnt"; }
  std::string log(std::string const& name = "here.log") const { return read_file(AT_FDCWD, dir_ / name); }
  void configure(std::string const& text) const {
    replace_file(AT_FDCWD, dir_ / "config.toml", "[log]\nto = \"here.log\"\n" + text, 0600, false);
  }
  /// In the background.
  void mount() {
    auto const output = run_program({"mount", "--builder", "host", "--store", *filesystem_ / "store",
                                     "--config", dir_ / "config.toml", mount_point()});
    ASSERT_TRUE(output.status.success()) << output.text;
    pid_ = status_of(mount_point())["pid"].get<pid_t>();
  }
  /// Sends SIGHUP and waits for a record that was not there before.
  void hang_up(std::string const& expected) const {
    auto const count = [&] {
      std::size_t found = 0;
      auto const text = log();
      for (auto at = text.find(expected); at != std::string::npos; at = text.find(expected, at + 1)) ++found;
      return found;
    };
    auto const before = count();
    ASSERT_EQ(::kill(pid_, SIGHUP), 0);
    EXPECT_TRUE(wait_until([&] { return count() > before; })) << expected << "\n" << log();
  }

  TempDir const dir_;

 private:
  std::unique_ptr<LoopFilesystem> filesystem_;
  pid_t pid_ = -1;
};

TEST_F(Reload, OpensTheLogAnewAndTakesItsLevel) {
  configure("");
  mount();
  ASSERT_EQ(::rename((dir_ / "here.log").c_str(), (dir_ / "old.log").c_str()), 0);
  auto const old = log("old.log");
  configure("level = \"debug\"\n");
  replace_file(AT_FDCWD, dir_ / "here.log", "", 0600, false);
  hang_up("info: read the configuration again\n");
  EXPECT_EQ(open_outcome(mount_point() + "/raw/1M/a.img", O_RDWR), "ok") << "it goes on";
  EXPECT_EQ(log("old.log"), old);
}

TEST_F(Reload, TakesTheBudget) {
  configure("");
  mount();
  EXPECT_EQ(open_outcome(mount_point() + "/ext4/16M/a.img", O_RDWR), "ok");
  configure("[store]\nmax_size = \"1M\"\n");
  hang_up("read the configuration again\n");
  EXPECT_EQ(open_outcome(mount_point() + "/vfat/16M/a.img", O_RDWR), "EDQUOT");
  configure("[store]\nmax_size = \"1G\"\n");
  hang_up("read the configuration again\n");
  EXPECT_EQ(open_outcome(mount_point() + "/vfat/17M/a.img", O_RDWR), "ok");
}

TEST_F(Reload, TakesTheQuota) {
  configure("");
  mount();
  EXPECT_EQ(open_outcome(mount_point() + "/raw/1M/a.img", O_RDWR), "ok");
  configure("[quota]\nimages = 1\n");
  hang_up("read the configuration again\n");
  EXPECT_EQ(open_outcome(mount_point() + "/raw/1M/b.img", O_RDWR), "EDQUOT");
}

TEST_F(Reload, NamesWhatTakesANewMount) {
  configure("[recipe.kept]\nfilesystem = \"ext4\"\n[recipe.mine]\nfilesystem = \"ext4\"\n");
  mount();
  configure(
      "[guest]\naccelerator = \"tcg\"\n[store]\nmin_free = \"1M\"\n[recipe.mine]\nfilesystem = \"vfat\"\n"
      "[recipe.new]\nfilesystem = \"raw\"\n[recipe.kept]\nfilesystem = \"ext4\"\n");
  hang_up("as before until the next mount: guest.accelerator, recipe.mine, recipe.new\n");
  EXPECT_EQ(open_outcome(mount_point() + "/new/1M/a.img", O_RDWR), "ENOENT");
}

TEST_F(Reload, KeepsTheOldOneWhereTheNewOneIsBroken) {
  configure("[store]\nmax_size = \"1M\"\n");
  mount();
  configure("[store]\nmax_size = \"lots\"\n");
  hang_up("error: the configuration stays as it was: " + (dir_ / "config.toml") +
          ":4:12: \"lots\" is no size");
  EXPECT_EQ(open_outcome(mount_point() + "/vfat/16M/a.img", O_RDWR), "EDQUOT");
  EXPECT_THAT(log(), Not(HasSubstr("read the configuration again")));
  EXPECT_EQ(status_of(mount_point())["mount_point"], mount_point());
}

TEST_F(Reload, IsNotForAMountThatHasATerminalWhichItEndsWith) {
  std::string const at = dir_ / "terminal";
  std::string const store = dir_ / "store";
  auto terminal = Child::spawn(
      {"script", "-qec",
       program_path() + " mount -f --fanout copy --builder host --store " + store + " " + at, "/dev/null"},
      {});
  ASSERT_TRUE(
      wait_until([&] { return mount_at(at) && ::access((at + "/.templatefs/errors").c_str(), R_OK) == 0; }));
  auto const pid = status_of(at)["pid"].get<pid_t>();
  ASSERT_EQ(::kill(pid, SIGHUP), 0);
  EXPECT_TRUE(wait_until([&] { return !mount_at(at); }));
  EXPECT_TRUE(terminal.wait(Deadline::after(std::chrono::seconds(15))));
}

}  // namespace

}  // namespace templatefs::test
