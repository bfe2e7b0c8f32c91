// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/sets_fixture.h"

#include <cerrno>
#include <iostream>

#include <gmock/gmock.h>

// Whose a set of disks is, and what happens where several want one at once.
namespace templatefs::test {

namespace {

using ::testing::IsEmpty;

TEST_F(Sets, BelongsToWhoeverOpenedItsFirstDisk) {
  EXPECT_EQ(outcome_as(kAlice, [&] { return owner_of(set()) == "1234 1234 1777" ? 0 : -1; }), "ok");
  ASSERT_EQ(open_outcome_as(kAlice, disk(), O_RDWR), "ok");
  EXPECT_EQ(owner_of(set()), "1234 1234 0700");
  EXPECT_EQ(open_outcome_as(kBob, disk(), O_RDONLY), "EACCES");
  EXPECT_EQ(open_outcome_as(kBob, disk("POOL0"), O_RDWR), "EACCES");
  EXPECT_EQ(open_outcome_as(kBob, set(), O_RDONLY | O_DIRECTORY), "EACCES");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::unlink(disk().c_str()); }), "EACCES");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::rmdir(set().c_str()); }), "EPERM");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::chmod(set().c_str(), 0777); }), "EPERM");
  EXPECT_EQ(open_outcome_as(kAlice, disk("SCRATCH"), O_RDWR), "ok");
  EXPECT_EQ(open_outcome(disk("POOL0"), O_RDWR), "ok") << "root may";
  EXPECT_EQ(owner_of(set()), "1234 1234 0700") << "and is not its first opener";
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::rmdir(set().c_str()); }), "ok") << "root's disk included";
  EXPECT_THAT(names_in(set()), IsEmpty());
}

TEST_F(Sets, ItsOwnerMayOpenItToOthersAndRootMayGiveItAway) {
  EXPECT_EQ(outcome(::chmod(set().c_str(), 0755)), "EPERM") << "nobody's";
  ASSERT_EQ(open_outcome_as(kAlice, disk(), O_RDWR), "ok");
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::chmod(set().c_str(), 0711); }), "ok");
  EXPECT_EQ(owner_of(set()), "1234 1234 0711");
  ASSERT_EQ(outcome(::chown(disk().c_str(), kBob, kBob)), "ok");
  EXPECT_EQ(open_outcome_as(kBob, disk(), O_RDWR), "ok");
  EXPECT_EQ(open_outcome_as(kBob, set(), O_RDONLY | O_DIRECTORY), "EACCES");
  EXPECT_EQ(outcome(::chown(set().c_str(), kBob, kBob)), "ok");
  EXPECT_EQ(owner_of(set()), "65534 65534 0711");
  EXPECT_EQ(outcome(::chmod(set().c_str(), 02755)), "EPERM");
  EXPECT_EQ(outcome(::utimensat(AT_FDCWD, set().c_str(), nullptr, 0)), "EPERM");
}

class SetsInAHurry : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
};

TEST_F(SetsInAHurry, WhileItsFirstDiskIsMadeItIsItsOpeners) {
  FormatterStandIn const formatter("mkfs.ext4",
                                   ": > $dir/started\n" + FormatterStandIn::waiting_line() + "exit 1");
  MountedStore const mount(kOnXfs);
  std::string const set = mount / "ext4/16M/a.d";
  Client alice([&] { return open_outcome(set + "/TEST.img", O_RDWR) == "EIO" ? 0 : 1; }, kAlice);
  ASSERT_TRUE(formatter.wait_until_started()) << mount.daemon().output();
  EXPECT_EQ(owner_of(set), "1234 1234 0700");
  EXPECT_EQ(open_outcome_as(kBob, set + "/TEST.img", O_RDWR), "EACCES");
  EXPECT_EQ(open_outcome_as(kBob, set + "/POOL0.img", O_RDWR), "EACCES");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::rmdir(set.c_str()); }), "EPERM");
  EXPECT_EQ(outcome(::rmdir(set.c_str())), "EBUSY");
  EXPECT_THAT(names_in(mount / "ext4/16M"), IsEmpty());
  formatter.release();
  EXPECT_EQ(alice.wait(), 0);
  EXPECT_EQ(owner_of(set), "0 0 1777") << "as new after a failure";
  EXPECT_EQ(outcome(::rmdir(set.c_str())), "ENOENT");
}

TEST_F(SetsInAHurry, ADiskCanBeMadeWhileTheLastOtherOneIsRemoved) {
  MountedStore const mount(kOnXfs);
  auto const statuses = run_in_processes(2, [&](unsigned index) {
    std::string const disk = mount / ("raw/1M/a.d/POOL" + std::to_string(index) + ".img");
    for (int round = 0; round < 10000; ++round) {
      if (open_outcome(disk, O_RDWR) != "ok") return 1;
      if (outcome(::unlink(disk.c_str())) != "ok") return 2;
    }
    return 0;
  });
  EXPECT_THAT(statuses, ::testing::Each(0)) << mount.daemon().output();
}

TEST_F(SetsInAHurry, MadeAndRemovedFromAllSidesTheyLeaveNothing) {
  MountedStore const mount(kOnXfs);
  auto const statuses = run_in_processes(6, [&](unsigned index) {
    for (int round = 0; round < 300; ++round) {
      std::string const set = mount / ("raw/1M/" + std::to_string(round % 3) + ".d");
      std::string const disk = set + "/POOL" + std::to_string(round / 3 % 4) + ".img";
      // Errors of somebody who loses a race, and no others.
      std::string const opened = open_outcome(disk, O_RDWR);
      if (opened != "ok" && opened != "ENOENT" && opened != "ESTALE") {
        std::cerr << "open " << disk << ": " << opened << "\n";
        return 1;
      }
      std::string const removed = outcome(index % 2 == 0 ? ::rmdir(set.c_str()) : ::unlink(disk.c_str()));
      if (removed != "ok" && removed != "ENOENT" && removed != "EBUSY") return 2;
    }
    return 0;
  });
  EXPECT_THAT(statuses, ::testing::Each(0)) << mount.daemon().output();
  for (char const* const set : {"0.d", "1.d", "2.d"})
    ::rmdir((mount / ("raw/1M/" + std::string(set))).c_str());
  EXPECT_THAT(names_in(mount / "raw/1M"), IsEmpty());
  EXPECT_EQ(status_of(mount.mount_point())["images"]["existing"], 0);
  std::string const session = status_of(mount.mount_point())["session"];
  EXPECT_THAT(names_in_store(mount, "sessions/" + session + "/images/raw/1M"), IsEmpty());
  EXPECT_EQ(open_outcome(mount / "raw/1M/0.d/TEST.img", O_RDWR), "ok");
}

}  // namespace

}  // namespace templatefs::test
