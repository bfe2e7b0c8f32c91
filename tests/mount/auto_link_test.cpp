// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <cerrno>

#include <gmock/gmock.h>

#include <signal.h>
#include <unistd.h>

// MNT/<recipe>/auto: where it leads, and what it says where it leads nowhere. Nothing is built here.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AutoLink : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    make_directories(AT_FDCWD, dir_ / "tree", 0755);
  }
  void TearDown() override {
    mount_.reset();
    LeakCheck::TearDown();
  }
  /// The recipe "seeded", ext4 from that seed, beside the built-in ones.
  MountedStore& mount(std::string const& seed, std::vector<std::string> options = {}) {
    replace_file(AT_FDCWD, config(), "[recipe.seeded]\nfilesystem = \"ext4\"\nseed = " + seed + "\n", 0600,
                 false);
    options.insert(options.end(), {"--config", config()});
    mount_ = std::make_unique<MountedStore>(kOnXfs, options);
    return *mount_;
  }
  std::string config() const { return dir_ / "config.toml"; }
  std::string link() const { return *mount_ / "seeded/auto"; }
  std::string why(std::string const& path) const { return run_program({"why", path}).text; }
  void fill(std::string const& name, std::size_t mebibytes) const {
    auto const file = open_file(dir_ / name, O_RDWR | O_CREAT | O_TRUNC);
    for (std::size_t each = 0; each < mebibytes; ++each)
      write_at(file.get(), std::string(1 << 20, 'x'), static_cast<off_t>(each << 20));
  }
  void run(std::vector<std::string> const& words) const {
    auto const output = run_command(words, Deadline::after(60s));
    ASSERT_TRUE(output.status.success()) << output.text;
  }

  TempDir const dir_;

 private:
  std::unique_ptr<MountedStore> mount_;
};

TEST_F(AutoLink, LeadsToTheCapacityThatSuitsADirectory) {
  mount("\"tree\"");
  struct stat st {};
  ASSERT_EQ(outcome(::lstat(link().c_str(), &st)), "ok");
  EXPECT_TRUE(S_ISLNK(st.st_mode));
  EXPECT_EQ(st.st_size, 0);
  EXPECT_EQ(link_of(link()), "512M");
  EXPECT_TRUE(S_ISDIR(stat_of(link() + "/.").st_mode));
  EXPECT_EQ(stat_of(link() + "/a.img").st_size, 512 << 20);
  EXPECT_EQ(stat_of(link() + "/a.d/TEST.img").st_size, 512 << 20);
  EXPECT_THAT(names_in(link() + "/.."), IsEmpty()) << "it is not listed";
  fill("tree/data", 130);
  EXPECT_EQ(link_of(link()), "576M") << "the seed is looked at each time";
}

TEST_F(AutoLink, OfATarAndOfAnImage) {
  fill("tree/data", 130);
  run({"tar", "-C", dir_ / "tree", "-czf", dir_ / "seed.tar.gz", "."});
  mount("\"seed.tar.gz\"");
  EXPECT_EQ(link_of(link()), "576M");

  // What lies inside is not known: as much as is allocated.
  fill("disk.img", 200);
  ASSERT_EQ(outcome(::truncate((dir_ / "disk.img").c_str(), std::int64_t{1} << 40)), "ok");
  mount("{ image = \"disk.img\", path = \"/\" }");
  EXPECT_THAT(link_of(link()), ::testing::AnyOf("704M", "768M"));
}

TEST_F(AutoLink, DoesNotExistWithoutASeed) {
  mount("\"tree\"");
  struct stat st {};
  std::string const none = link() + "/../../ext4/auto";
  EXPECT_EQ(outcome(::lstat(none.c_str(), &st)), "ENOENT");
  EXPECT_EQ(open_outcome(none + "/a.img", O_RDWR), "ENOENT");
  for (std::string const& path : {none, none + "/a.img"})
    EXPECT_THAT(why(path), AllOf(HasSubstr("ENOENT: ext4 has no auto"), HasSubstr("a recipe with a seed")));
  EXPECT_THAT(run_program({"why", "ext4/auto"}).text, HasSubstr("ext4 has no auto"));
}

TEST_F(AutoLink, AMissingSeedIsAnErrorWithARecordUntilItIsThere) {
  auto& mounted = mount("\"later.tar\"");
  struct stat st {};
  EXPECT_EQ(outcome(::lstat(link().c_str(), &st)), "ok");
  EXPECT_EQ(link_of(link()), "ENOENT");
  EXPECT_EQ(open_outcome(link() + "/a.img", O_RDWR), "ENOENT");
  for (std::string const& path : {link(), link() + "/a.img"})
    EXPECT_THAT(why(path), AllOf(HasSubstr("seeded/auto: ENOENT: "), HasSubstr(dir_ / "later.tar")));
  auto const errors = read_file(AT_FDCWD, mounted / ".templatefs/errors");
  EXPECT_THAT(errors, HasSubstr("seeded/auto: ENOENT"));
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << "the last failure will do";
  run({"tar", "-C", dir_ / "tree", "-cf", dir_ / "later.tar", "."});
  EXPECT_EQ(link_of(link()), "512M");
  EXPECT_THAT(read_file(AT_FDCWD, mounted / ".templatefs/errors"), IsEmpty());
}

TEST_F(AutoLink, ADamagedSeedIsToo) {
  replace_file(AT_FDCWD, dir_ / "seed.tar", std::string(5000, 'x'), 0600, false);
  mount("\"seed.tar\"");
  EXPECT_EQ(link_of(link()), "EINVAL");
  EXPECT_THAT(why(link() + "/a.img"), AllOf(HasSubstr("seeded/auto: EINVAL"), HasSubstr("seed.tar")));
}

TEST_F(AutoLink, BeyondTheLargestCapacityLeadsNowhere) {
  mount("\"tree\"", {"--max-capacity", "256M"});
  EXPECT_EQ(link_of(link()), "ENOENT");
  EXPECT_THAT(why(link()), HasSubstr("512M is more than this mount's largest capacity, 256M"));
}

/// A tar of one member of many gibibytes of zeroes, of which gzip's repetition makes a small file.
void make_long_tar(std::string const& path, std::string const& scratch) {
  constexpr unsigned kPieces = 96;
  std::string const script = "truncate -s 6G big && tar --create big | head -c 512 | gzip -1 >" + path +
                             " && head -c 64M /dev/zero | gzip -1 >piece && for each in $(seq " +
                             std::to_string(kPieces) + "); do cat piece; done >>" + path +
                             " && head -c 1024 /dev/zero | gzip -1 >>" + path;
  auto const output = run_command({"/bin/sh", "-c", "cd " + scratch + " && " + script}, Deadline::after(60s));
  ASSERT_TRUE(output.status.success()) << output.text;
}

TEST_F(AutoLink, WhoeverIsInterruptedLeavesAtOnceAndTheOthersGetTheirAnswer) {
  make_directories(AT_FDCWD, dir_ / "scratch", 0700);
  make_long_tar(dir_ / "long.tar.gz", dir_ / "scratch");
  auto& mounted = mount("\"long.tar.gz\"");
  auto const waiting = [&] { return status_of(mounted.mount_point())["waiting_requests"] == 2; };
  Client patient([&] { return link_of(link()) == "12608M" ? 0 : 1; });
  Client killed([&] { return link_of(link()).empty() ? 0 : 1; });
  ASSERT_TRUE(wait_until(waiting)) << mounted.daemon().output();
  killed.signal(SIGTERM);
  EXPECT_EQ(killed.wait(), 128 + SIGTERM);
  EXPECT_EQ(patient.wait(0ms), -1) << "the seed was to be read all the time";
  EXPECT_EQ(status_of(mounted.mount_point())["waiting_requests"], 1);
  EXPECT_EQ(patient.wait(60s), 0);
}

}  // namespace

}  // namespace templatefs::test
