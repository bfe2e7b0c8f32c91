// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/mount_table.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

// `templatefs run`: a mount for one command, and nothing after it.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Run : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    filesystem_.emplace("xfs");
    // The user of the unprivileged case walks through it.
    ASSERT_EQ(::chmod(filesystem_->path().c_str(), 0755), 0);
  }

  void TearDown() override {
    filesystem_.reset();
    LeakCheck::TearDown();
  }

  std::string store() const { return *filesystem_ / "store"; }
  std::vector<std::string> words(std::vector<std::string> const& command) const {
    std::vector<std::string> all{"run", "--builder", "host", "--store", store(), "--"};
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }
  CommandOutput run(std::string const& script) const { return run_program(words({"sh", "-c", script})); }
  std::string in_scratch(std::string const& name) const { return scratch_ / name; }

  /// No mount, no session; the template stays.
  void expect_nothing_left() const {
    EXPECT_FALSE(mount_at("/run/templatefs"));
    EXPECT_THAT(names_in(store() + "/sessions"), IsEmpty());
  }

 private:
  std::optional<LoopFilesystem> filesystem_;
  TempDir scratch_;
};

}  // namespace

TEST_F(Run, GivesTheCommandAMountThatNobodyElseSees) {
  auto const output =
      run("set -e; cd $TEMPLATEFS_MNT; head -c 4 raw/1M/a.img | od -An -tx1; ls raw/1M; grep -c templatefs "
          "/proc/self/mounts");
  EXPECT_TRUE(output.status.success()) << output.text;
  EXPECT_THAT(output.text, AllOf(HasSubstr("00 00 00 00"), HasSubstr("a.img"), Not(HasSubstr("mounted"))));
  expect_nothing_left();
  EXPECT_THAT(names_in(store() + "/templates"), Not(IsEmpty()));
}

TEST_F(Run, StartsInTheCallersDirectoryWithItsInput) {
  std::string const here = std::filesystem::current_path();
  auto const output = run("test \"$(pwd)\" = '" + here + "' && cat");
  EXPECT_TRUE(output.status.success()) << output.text;
}

TEST_F(Run, ExitsAsItsCommandDid) {
  EXPECT_EQ(run("exit 0").status.code, 0);
  EXPECT_EQ(run("exit 42").status.code, 42);
  EXPECT_EQ(run("kill -9 $$").status.code, 128 + SIGKILL);
  auto const missing = run_program(words({"templatefs-no-such-command"}));
  EXPECT_EQ(missing.status.code, 127);
  EXPECT_THAT(missing.text, HasSubstr("templatefs-no-such-command: No such file or directory"));
  EXPECT_EQ(run_program(words({"/etc/passwd"})).status.code, 126);
  EXPECT_EQ(run_program({"run", "--no-such-option", "true"}).status.code, 125);
  auto const failed = run_program({"run", "--builder", "nobody", "--store", store(), "--", "true"});
  EXPECT_EQ(failed.status.code, 125) << failed.text;
  expect_nothing_left();
}

TEST_F(Run, EachHasItsOwnAtTheSamePlace) {
  auto const statuses = run_in_processes(6, [&](unsigned index) {
    auto const id = std::to_string(index);
    return run("cd $TEMPLATEFS_MNT && echo " + id +
               " > raw/1M/same.img && test \"$(head -c 1 raw/1M/same.img)\" = " + id)
        .status.code;
  });
  EXPECT_THAT(statuses, ::testing::Each(0));
  expect_nothing_left();
}

TEST_F(Run, PassesOnSignalsThatAreSentToIt) {
  std::string const ready = in_scratch("ready");
  auto argv = words({"sh", "-c", "trap 'exit 7' TERM; : > " + ready + "; while :; do sleep 0.01; done"});
  argv.insert(argv.begin(), program_path());
  Child child = Child::spawn(argv);
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(ready); }));
  child.signal(SIGTERM);
  auto const ended = child.wait(Deadline::after(20s));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->describe(), "exit status 7");
  expect_nothing_left();
}

TEST_F(Run, NothingSurvivesItsKill) {
  std::string const pids = in_scratch("pids");
  auto argv =
      words({"sh", "-c", "exec 3<>$TEMPLATEFS_MNT/raw/1M/a.img; echo $$ > " + pids + "; exec sleep 1000"});
  argv.insert(argv.begin(), program_path());
  Child child = Child::spawn(argv);
  auto const command_pid = [&] { return std::atoi(read_file(AT_FDCWD, pids).c_str()); };
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(pids) && command_pid() > 0; }));
  child.signal(SIGKILL);
  EXPECT_TRUE(wait_until([&] { return ::kill(command_pid(), 0) != 0; })) << "the command lives";
  EXPECT_TRUE(wait_until([&] { return names_in(store() + "/sessions").empty(); }));
  expect_nothing_left();
}

TEST_F(Run, NothingSurvivesTheKillOfTheWholeTree) {
  std::string const pids = in_scratch("pids");
  // The daemon's pid by its status, the command's own.
  auto argv = words({"sh", "-c",
                     "exec 3<>$TEMPLATEFS_MNT/raw/1M/a.img; sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p' "
                     "$TEMPLATEFS_MNT/.templatefs/status.json | head -n 1 > " +
                         pids + ".new; echo $$ >> " + pids + ".new; mv " + pids + ".new " + pids +
                         "; exec sleep 1000"});
  argv.insert(argv.begin(), program_path());
  Child child = Child::spawn(argv);
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(pids); }));
  std::istringstream both(read_file(AT_FDCWD, pids));
  pid_t daemon = 0;
  pid_t command = 0;
  ASSERT_TRUE(both >> daemon >> command && daemon > 1 && command > 1);
  ASSERT_FALSE(names_in(store() + "/sessions").empty());
  for (pid_t const pid : {daemon, child.pid(), command}) ::kill(pid, SIGKILL);
  EXPECT_TRUE(wait_until([&] { return names_in(store() + "/sessions").empty(); }));
  expect_nothing_left();
}

TEST_F(Run, AStoreOfItsOwnIsUnmountedAfterIt) {
  LoopFilesystem const plain("ext4", std::int64_t{4} << 30);
  std::string const own = plain / "own";
  auto const output =
      run_program({"run", "--builder", "host", "--store", own, "--store-size", "1G", "--", "sh", "-c",
                   "grep -q \" " + own + " \" /proc/self/mounts && : > $TEMPLATEFS_MNT/raw/1M/a.img"});
  EXPECT_TRUE(output.status.success()) << output.text;
  EXPECT_FALSE(mount_at(own));
  EXPECT_TRUE(std::filesystem::exists(own + ".img"));
}

TEST_F(Run, StaysInTheChrootThatItIsStartedIn) {
  std::string const root = in_scratch("root");
  ASSERT_EQ(::mkdir(root.c_str(), 0755), 0);
  std::string const inside = "cat /mnt/marker; head -c 4 $TEMPLATEFS_MNT/raw/1M/a.img | od -An -tx1; pwd";
  std::string script = "set -e; mount --rbind / " + root + "; mount -t tmpfs marker " + root +
                       "/mnt; echo within >" + root + "/mnt/marker; cd " + root + "/mnt; exec chroot " +
                       root + " " + program_path();
  for (auto const& word : words({"sh", "-c", inside})) script += " '" + word + "'";
  auto const output = run_command({"unshare", "--mount", "--propagation", "private", "sh", "-c", script},
                                  Deadline::after(60s));
  EXPECT_TRUE(output.status.success()) << output.text;
  EXPECT_EQ(output.text, "within\n 00 00 00 00\n/\n");
  expect_nothing_left();
}

TEST_F(Run, WorksForAUserWithoutRights) {
  std::string const program = in_scratch("templatefs");
  std::string const own = in_scratch("own");
  ASSERT_EQ(::chmod(in_scratch("").c_str(), 0755), 0);
  // The user may not be able to reach the build directory.
  std::filesystem::copy_file(program_path(), program);
  ASSERT_EQ(::mkdir(own.c_str(), 0700), 0);
  ASSERT_EQ(::chown(own.c_str(), 65534, 65534), 0);
  std::string const script =
      "set -e; cd $TEMPLATEFS_MNT; echo here > raw/1M/a.img; head -c 4 raw/1M/a.img; "
      "stat -c ' %u' raw/1M/a.img; id -u";
  auto const output = run_command({"setpriv",        "--reuid", "65534",     "--regid", "65534",
                                   "--clear-groups", "--",      "env",       "-u",      "XDG_RUNTIME_DIR",
                                   program,          "run",     "--builder", "host",    "--store",
                                   own + "/store",   "--",      "sh",        "-c",      script},
                                  Deadline::after(60s));
  EXPECT_TRUE(output.status.success()) << output.text;
  EXPECT_THAT(output.text, HasSubstr("here 65534\n65534\n"));
  EXPECT_THAT(names_in(own + "/store/sessions"), IsEmpty());
}

TEST_F(Run, TellsAUserWhichSysctlForbidsTheNamespaceThatItTakes) {
  // A user namespace in which there may be no further one, and the other two as Debian and Ubuntu have them.
  std::string const forbid =
      "mount -t tmpfs none /proc/sys/kernel; echo 0 >/proc/sys/kernel/unprivileged_userns_clone; "
      "echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns; ";
  std::string const as_user =
      "exec unshare --user --map-user=65534 --map-group=65534 --keep-caps sh -c "
      "'echo 0 >/proc/sys/user/max_user_namespaces; "
      "exec setpriv --inh-caps=-all --ambient-caps=-all -- \"$@\"' sh \"$@\"";
  auto argv = words({"true"});
  argv.insert(argv.begin(), {"unshare", "-m", "sh", "-c", forbid + as_user, "sh", program_path()});
  auto const all = run_command(argv, Deadline::after(60s));
  EXPECT_EQ(all.status.describe(), "exit status 125") << all.text;
  EXPECT_THAT(all.text, AllOf(HasSubstr("make a user namespace for the mount"),
                              HasSubstr("As root: sysctl -w user.max_user_namespaces=15000 && sysctl -w "
                                        "kernel.unprivileged_userns_clone=1 && sysctl -w "
                                        "kernel.apparmor_restrict_unprivileged_userns=0."),
                              HasSubstr("`templatefs mount`")));
  argv[4] = as_user;
  auto const one = run_command(argv, Deadline::after(60s));
  EXPECT_EQ(one.status.describe(), "exit status 125") << one.text;
  EXPECT_THAT(one.text, AllOf(HasSubstr("sysctl -w user.max_user_namespaces="), Not(HasSubstr("apparmor"))));
  EXPECT_THAT(names_in(store() + "/sessions"), IsEmpty());
}

}  // namespace templatefs::test
