// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <algorithm>

#include <gmock/gmock.h>

#include <dirent.h>
#include <sys/statvfs.h>
#include <unistd.h>

// Looking must cost nothing: no build, no lock, no wait.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The quickest of three: what a build held up would be held up each time.
std::chrono::duration<double, std::milli> quickest_of_three(std::function<void()> const& look) {
  std::chrono::duration<double, std::milli> best = 1h;
  for (int round = 0; round < 3; ++round) {
    auto const start = std::chrono::steady_clock::now();
    look();
    best =
        std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start));
  }
  return best;
}

std::vector<std::vector<std::string>> looks_at(std::string const& mount_point, std::string const& image) {
  return {{"stat", image},
          {"ls", "-lR", mount_point},
          {"ls", "-la", image},
          {"find", mount_point, "-type", "f", "-size", "+0"},
          {"du", "-s", mount_point},
          {"du", "--apparent-size", image},
          {"df", mount_point + "/ext4/16M"},  // df opens a file that it is given, to be sure it is mounted
          {"getfattr", "-d", "-m", "-", image}};
}

class QuietLooks : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    formatter_ = std::make_unique<FormatterStandIn>("mkfs.ext4", FormatterStandIn::waiting_script());
    mount_ = std::make_unique<MountedStore>(kOnXfs);
  }
  void TearDown() override {
    mount_.reset();
    formatter_.reset();
    LeakCheck::TearDown();
  }
  MountedStore& mount() { return *mount_; }
  FormatterStandIn& formatter() { return *formatter_; }

 private:
  std::unique_ptr<FormatterStandIn> formatter_;
  std::unique_ptr<MountedStore> mount_;
};

TEST_F(QuietLooks, AtNamesNeverOpenedStartNoBuildAndLeaveNoLock) {
  for (auto const& command : looks_at(mount().mount_point(), mount() / "ext4/16M/never.img"))
    EXPECT_TRUE(run_command(command, Deadline::after(10s)).status.success()) << command[0];
  EXPECT_EQ(formatter().starts(), 0);
  EXPECT_THAT(names_in_store(mount(), "locks"), IsEmpty());
  EXPECT_THAT(names_in_store(mount(), "templates"), IsEmpty());
  EXPECT_THAT(names_in(mount() / "ext4"), IsEmpty());
}

TEST_F(QuietLooks, AnswerAtOnceWhileABuildOfThatKeyRuns) {
  std::string const busy = mount() / "ext4/16M/busy.img";
  std::string const never = mount() / "ext4/16M/never.img";
  Client opener([&] { return open_outcome(busy, O_RDWR) == "ok" ? 0 : 1; });
  ASSERT_TRUE(formatter().wait_until_started()) << mount().daemon().output();
  auto const locks = names_in_store(mount(), "locks");
  EXPECT_EQ(locks.size(), 1u);

  struct stat st {};
  struct statvfs space {};
  std::vector<std::pair<char const*, std::function<void()>>> const calls{
      {"stat of the image that is being made", [&] { EXPECT_EQ(outcome(::stat(busy.c_str(), &st)), "ok"); }},
      {"stat of its neighbour", [&] { EXPECT_EQ(outcome(::stat(never.c_str(), &st)), "ok"); }},
      {"statvfs", [&] { EXPECT_EQ(outcome(::statvfs(busy.c_str(), &space)), "ok"); }},
      {"getxattr", [&] { EXPECT_EQ(xattr_of(busy, "user.templatefs.error"), "ENODATA"); }},
      {"readdir", [&] { EXPECT_THAT(names_in(mount() / "ext4/16M"), IsEmpty()); }},
      {"status.json", [&] { EXPECT_EQ(status_of(mount().mount_point())["builds"].size(), 1u); }}};
  for (auto const& [what, call] : calls) EXPECT_LT(quickest_of_three(call), 50ms) << what;
  for (std::string const& image : {busy, never})
    for (auto const& command : looks_at(mount().mount_point(), image))
      EXPECT_LT(quickest_of_three([&] { run_command(command, Deadline::after(10s)); }), 50ms) << command[0];

  EXPECT_EQ(formatter().starts(), 1);
  EXPECT_EQ(names_in_store(mount(), "locks"), locks);
  EXPECT_EQ(opener.wait(0ms), -1) << "the build was to be under way all the time";
  formatter().release();
  EXPECT_EQ(opener.wait(), 0);
}

class Listing : public SharedMount {};

TEST_F(Listing, SizeIsTheSameBeforeAndAfterTheFirstOpen) {
  for (auto const& [name, bytes] :
       {std::pair("ext4/16M/size.img", std::int64_t{16} << 20), {"raw/1T/size.img", std::int64_t{1} << 40}}) {
    auto const before = stat_of(at(name));
    EXPECT_EQ(before.st_size, bytes);
    EXPECT_EQ(before.st_blocks, 0);
    ASSERT_EQ(open_outcome(at(name), O_RDONLY), "ok");
    auto const after = stat_of(at(name));
    EXPECT_EQ(after.st_size, bytes);
    EXPECT_EQ(after.st_ino, before.st_ino);
    EXPECT_LT(after.st_blocks * 512, bytes);
    EXPECT_EQ(outcome(::unlink(at(name).c_str())), "ok");
  }
}

TEST_F(Listing, ShowsOnlyWhatExists) {
  EXPECT_THAT(names_in(at("btrfs")), IsEmpty());
  struct stat st {};
  EXPECT_EQ(outcome(::stat(at("btrfs/110M/looked-at.img").c_str(), &st)), "ok");
  EXPECT_THAT(names_in(at("btrfs")), IsEmpty());
  EXPECT_THAT(names_in(at("btrfs/110M")), IsEmpty());
  ASSERT_EQ(open_outcome(at("btrfs/110M/b.img"), O_RDWR), "ok");
  ASSERT_EQ(open_outcome(at("btrfs/110M/a.img"), O_RDWR), "ok");
  ASSERT_EQ(open_outcome(at("btrfs/2G/c.img"), O_RDWR), "ok");
  EXPECT_THAT(names_in(at("btrfs")), ElementsAre("110M", "2G"));
  EXPECT_THAT(names_in(at("btrfs/110M")), ElementsAre("a.img", "b.img"));
  for (char const* const name : {"btrfs/110M/a.img", "btrfs/110M/b.img", "btrfs/2G/c.img"})
    EXPECT_EQ(outcome(::unlink(at(name).c_str())), "ok");
  EXPECT_THAT(names_in(at("btrfs/110M")), IsEmpty());
  EXPECT_THAT(names_in(at("btrfs")), ElementsAre("110M", "2G")) << "their templates are published";
}

TEST_F(Listing, MayBeUnlinkedFromWhileItIsRead) {
  for (int each = 0; each < 500; ++each)
    ASSERT_EQ(open_outcome(at("raw/3M/" + std::to_string(each) + ".img"), O_RDWR), "ok");
  EXPECT_EQ(names_in(at("raw/3M")).size(), 500u);
  auto const removed = run_command({"find", at("raw/3M"), "-name", "*.img", "-delete"}, Deadline::after(20s));
  EXPECT_TRUE(removed.status.success()) << removed.text;
  EXPECT_THAT(names_in(at("raw/3M")), IsEmpty());
}

TEST_F(Listing, GrowsWithTheFirstOpenOfEachName) {
  auto const first = open_file(at("raw/4M/a.img"));
  auto const modified = stat_of(at("raw/4M")).st_mtim;
  EXPECT_EQ(::access(at("raw/4M/b.img").c_str(), F_OK), 0);
  EXPECT_THAT(names_in(at("raw/4M")), ElementsAre("a.img"));
  auto const second = open_file(at("raw/4M/b.img"), O_RDONLY);
  EXPECT_THAT(names_in(at("raw/4M")), ElementsAre("a.img", "b.img"));
  auto const later = stat_of(at("raw/4M")).st_mtim;
  EXPECT_GE(std::pair(later.tv_sec, later.tv_nsec), std::pair(modified.tv_sec, modified.tv_nsec));
}

}  // namespace

}  // namespace templatefs::test
