// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/mount_table.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <signal.h>
#include <unistd.h>

// However a mount is ended: images gone, templates kept, nobody left behind.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Way {
  char const* name;
  void (*end)(Daemon const& daemon);
};

void PrintTo(Way const& way, std::ostream* out) {
  *out << way.name;
}

void run_unmount(std::vector<std::string> command, Daemon const& daemon) {
  command.push_back(daemon.mount_point());
  auto const output = run_command(command, Deadline::after(20s));
  EXPECT_TRUE(output.status.success()) << output.text;
}

constexpr Way kWays[] = {
    {"SIGTERM", [](Daemon const& daemon) { daemon.signal(SIGTERM); }},
    {"SIGINT", [](Daemon const& daemon) { daemon.signal(SIGINT); }},
    {"umount", [](Daemon const& daemon) { run_unmount({"umount"}, daemon); }},
    {"fusermount3",
     [](Daemon const& daemon) {
       run_unmount({"fusermount3", "-u"}, daemon);
     }},
    {"templatefs_umount",
     [](Daemon const& daemon) {
       run_unmount({program_path(), "umount"}, daemon);
     }},
    {"umount_lazy",
     [](Daemon const& daemon) {
       run_unmount({"umount", "-l"}, daemon);
     }},
};

/// Command lines of the processes whose command line holds `text`.
std::vector<std::string> processes_with(std::string const& text) {
  std::vector<std::string> found;
  for (auto const& pid : names_in("/proc")) {
    if (pid.find_first_not_of("0123456789") != std::string::npos || pid == std::to_string(::getpid()))
      continue;
    try {
      auto const words = read_file(AT_FDCWD, "/proc/" + pid + "/cmdline");
      if (words.find(text) != std::string::npos) found.push_back(words);
    } catch (Error const&) {
      // It has ended.
    }
  }
  return found;
}

class End : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
  static void expect_ended(MountedStore const& mount, std::chrono::milliseconds limit = 10s) {
    auto const status = mount.daemon().wait_for_end(limit);
    ASSERT_TRUE(status) << "still runs";
    EXPECT_EQ(status->describe(), "exit status 0") << mount.daemon().output();
    EXPECT_FALSE(mount_at(mount.mount_point()));
    EXPECT_THAT(names_in_store(mount, "sessions"), IsEmpty());
  }
};

class EndOnEachStore : public End, public ::testing::WithParamInterface<std::tuple<char const*, Way>> {};

TEST_P(EndOnEachStore, TakesTheImagesAndKeepsTheTemplates) {
  MountedStore const mount(std::get<0>(GetParam()));
  for (int each = 0; each < 20; ++each)
    write_at(open_file(mount / ("ext4/16M/" + std::to_string(each) + ".img")).get(), "data", 0);
  EXPECT_EQ(names_in_store(mount, "sessions").size(), 1u);
  std::get<1>(GetParam()).end(mount.daemon());
  expect_ended(mount);
  EXPECT_EQ(names_in_store(mount, "templates").size(), 1u);

  Daemon const again(mount.store());
  EXPECT_THAT(names_in(again / "ext4/16M"), IsEmpty());
  EXPECT_EQ(read_at(open_file(again / "ext4/16M/0.img").get(), 4, 0), std::string(4, '\0'));
  EXPECT_EQ(status_of(again.mount_point())["counters"]["images_made"], 1);
  EXPECT_EQ(names_in_store(mount, "templates").size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Ways, EndOnEachStore,
                         ::testing::Combine(::testing::Values(kOnXfs, kOnBtrfs), ::testing::ValuesIn(kWays)),
                         [](auto const& each) {
                           return std::string(std::get<0>(each.param)) + "_" + std::get<1>(each.param).name;
                         });

TEST_F(End, ABusyMountIsRefusedAndItsUserNamed) {
  MountedStore const mount(kOnXfs);
  auto held = open_file(mount / "raw/1M/held.img");
  auto const refused = run_program({"umount", mount.mount_point()});
  EXPECT_EQ(refused.status.describe(), "exit status 1");
  EXPECT_THAT(refused.text,
              AllOf(HasSubstr("test_mount_life"), HasSubstr("pid " + std::to_string(::getpid())),
                    HasSubstr("raw/1M/held.img"), HasSubstr("-l")));
  write_at(held.get(), "unharmed", 0);
  EXPECT_EQ(open_outcome(mount / "raw/1M/other.img", O_RDWR), "ok");
  held.reset();
  EXPECT_TRUE(run_program({"umount", mount.mount_point()}).status.success());
  expect_ended(mount);
}

TEST_F(End, LazilyDetachedItServesUntilTheLastOneLetsGo) {
  MountedStore const mount(kOnXfs);
  auto held = open_file(mount / "raw/1M/held.img");
  auto const detached = run_program({"umount", "-l", "--wait", "0", mount.mount_point()});
  EXPECT_EQ(detached.status.describe(), "exit status 5") << detached.text;
  EXPECT_FALSE(mount_at(mount.mount_point()));
  write_at(held.get(), "still here", 0);
  EXPECT_EQ(read_at(held.get(), 10, 0), "still here");
  EXPECT_FALSE(mount.daemon().wait_for_end(0ms));
  held.reset();
  expect_ended(mount);
}

TEST_F(End, ASignalDoesNotWaitForWhoHoldsAFileOpen) {
  MountedStore const mount(kOnXfs);
  auto const held = open_file(mount / "raw/1M/held.img");
  auto const control = open_file(mount / ".templatefs/status.json", O_RDONLY);
  mount.daemon().signal(SIGTERM);
  expect_ended(mount);
  struct stat st {};
  EXPECT_EQ(outcome(::fstat(held.get(), &st)), "ENOTCONN");
}

TEST_F(End, ASignalDuringABuildStopsIt) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  MountedStore const mount(kOnXfs);
  std::string const path = mount / "ext4/16M/a.img";
  std::vector<Client> openers;
  openers.reserve(3);
  for (int each = 0; each < 3; ++each)
    openers.emplace_back([&] { return ::open(path.c_str(), O_RDWR | O_CLOEXEC) < 0 ? errno : 0; });
  ASSERT_TRUE(formatter.wait_until_started());
  ASSERT_TRUE(wait_until([&] { return status_of(mount.mount_point())["waiting_requests"] == 3; }));
  EXPECT_THAT(processes_with(formatter.dir() + "/mkfs.ext4"), ::testing::SizeIs(1));
  mount.daemon().signal(SIGTERM);
  expect_ended(mount);
  for (auto& opener : openers)
    EXPECT_THAT(errno_name(opener.wait()), ::testing::AnyOf("ESHUTDOWN", "ENOTCONN", "ECONNABORTED"));
  EXPECT_THAT(processes_with(formatter.dir()), IsEmpty());
  EXPECT_THAT(names_in_store(mount, "templates"), IsEmpty());

  formatter.release();
  Daemon const again(mount.store());
  EXPECT_EQ(open_outcome(again / "ext4/16M/a.img", O_RDWR), "ok")
      << "being stopped is no failure to remember";
}

TEST_F(End, WhatIsNoMountCannotBeUnmounted) {
  TempDir const dir;
  auto const output = run_program({"umount", dir.path()});
  EXPECT_EQ(output.status.describe(), "exit status 3");
  EXPECT_THAT(output.text, HasSubstr("no templatefs is mounted at " + dir.path()));
  LoopFilesystem const other("xfs");
  EXPECT_EQ(run_program({"umount", other.path()}).status.describe(), "exit status 3");
  EXPECT_TRUE(mount_at(other.path()));
}

TEST_F(End, AKilledDaemonsMountPointIsTakenOver) {
  FormatterStandIn const formatter("mkfs.ext4", "exec \"$real\" \"$@\"");
  MountedStore const mount(kOnBtrfs);
  write_at(open_file(mount / "ext4/16M/a.img").get(), "lost", 0);
  mount.daemon().kill(false);
  struct stat st {};
  EXPECT_EQ(outcome(::stat((mount / "ext4/16M/never.img").c_str(), &st)), "ENOTCONN");
  EXPECT_EQ(names_in_store(mount, "sessions").size(), 1u);

  Daemon const successor(mount.store(), {"--builder", "host"}, mount.mount_point());
  EXPECT_THAT(successor.output(), AllOf(HasSubstr("taking it over"), HasSubstr("swept 1 session")));
  EXPECT_EQ(names_in_store(mount, "sessions").size(), 1u) << "its own";
  EXPECT_EQ(read_at(open_file(successor / "ext4/16M/a.img").get(), 4, 0), std::string(4, '\0'));
  EXPECT_EQ(formatter.starts(), 1) << "the template outlived the daemon";
}

TEST_F(End, ADeadMountCanBeUnmounted) {
  MountedStore const mount(kOnXfs);
  mount.daemon().kill(false);
  EXPECT_TRUE(run_program({"umount", mount.mount_point()}).status.success());
  EXPECT_FALSE(mount_at(mount.mount_point()));
}

TEST_F(End, ALiveMountIsNeverTakenOver) {
  MountedStore const mount(kOnXfs);
  for (std::string const& store : {mount.store(), mount.beside("another")}) {
    auto const second = run_program({"mount", "--builder", "host", "--store", store, mount.mount_point()});
    EXPECT_EQ(second.status.describe(), "exit status 1");
    EXPECT_THAT(second.text, HasSubstr("is a mounted templatefs already"));
  }
  EXPECT_EQ(open_outcome(mount / "raw/1M/a.img", O_RDWR), "ok");
}

TEST_F(End, TwoMountsOfOneStoreShareTemplatesAndNoImages) {
  FormatterStandIn const formatter("mkfs.ext4", "exec \"$real\" \"$@\"");
  MountedStore const mount(kOnBtrfs);
  auto const first = open_file(mount / "ext4/16M/a.img");
  write_at(first.get(), "first", 0);
  {
    Daemon const other(mount.store());
    EXPECT_THAT(names_in(other / "ext4/16M"), IsEmpty());
    write_at(open_file(other / "ext4/16M/a.img").get(), "other", 0);
    write_at(open_file(other / "ext4/16M/b.img").get(), "other", 0);
    EXPECT_EQ(read_at(first.get(), 5, 0), "first");
    EXPECT_THAT(names_in(mount / "ext4/16M"), ::testing::ElementsAre("a.img"));
    EXPECT_EQ(names_in_store(mount, "sessions").size(), 2u);
  }
  EXPECT_EQ(formatter.starts(), 1);
  EXPECT_EQ(names_in_store(mount, "sessions").size(), 1u);
  EXPECT_EQ(read_at(open_file(mount / "ext4/16M/a.img").get(), 5, 0), "first");
}

}  // namespace

}  // namespace templatefs::test
