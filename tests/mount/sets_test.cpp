// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "tests/mount/sets_fixture.h"
#include "tests/support/wait_until.h"

#include <cerrno>
#include <set>

#include <gmock/gmock.h>

// One test's disks under one id: MNT/<recipe>/<capacity>/<id>.d/.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

CommandOutput run(std::vector<std::string> const& words) {
  return run_command(words, Deadline::after(20s));
}

TEST_F(Sets, AnyIdIsADirectoryOfTenDisks) {
  for (std::string const& id : {std::string("a"), std::string(200, 'x'), std::string("a.img"),
                                std::string("09AZaz._+@=:,#%~-"), std::string("d.d")}) {
    EXPECT_EQ(owner_of(at("raw/1M/" + id + ".d")), "0 0 1777") << id;
    EXPECT_TRUE(S_ISDIR(stat_of(at("raw/1M/" + id + ".d")).st_mode)) << id;
  }
  for (char const* const name :
       {"TEST", "SCRATCH", "POOL0", "POOL1", "POOL2", "POOL3", "POOL4", "POOL5", "POOL6", "POOL7"}) {
    auto const st = stat_of(disk(name));
    EXPECT_TRUE(S_ISREG(st.st_mode)) << name;
    EXPECT_EQ(st.st_size, 1 << 20) << name;
    EXPECT_EQ(st.st_blocks, 0) << name;
  }
  EXPECT_THAT(names_in(set()), IsEmpty());
  EXPECT_FALSE(is_listed(set())) << "looking makes nothing";
}

TEST_F(Sets, NothingElseExistsInOneAndTheGrammarHoldsForItsId) {
  for (char const* const name : {"POOL", "POOL8", "POOL00", "test", "Test", "a", ".TEST"})
    EXPECT_EQ(lstat_outcome(disk(name)), "ENOENT") << name;
  for (char const* const name : {"TEST", "TEST.IMG", "TEST.img.", "a.d", ".d", "TEST.d"}) {
    std::string const path = set() + "/" + name;
    EXPECT_EQ(lstat_outcome(path), "ENOENT") << name;
    EXPECT_EQ(open_outcome(path, O_RDWR | O_CREAT, 0600), "ENOENT") << name;
    EXPECT_EQ(outcome(::mkdir(path.c_str(), 0700)), "EPERM") << name;
  }
  for (std::string const& id :
       {std::string(), std::string(201, 'x'), std::string(".x"), std::string("-x"), std::string("a b")})
    EXPECT_EQ(lstat_outcome(at("raw/1M/" + id + ".d")), "ENOENT") << id;
  EXPECT_EQ(lstat_outcome(at("raw/a.d")), "ENOENT");
  EXPECT_EQ(outcome(::mkdir(set().c_str(), 0700)), "EEXIST");
}

TEST_F(Sets, WhySaysWhichDisksThereAre) {
  ASSERT_EQ(open_outcome(disk("POOL8"), O_RDWR | O_CREAT, 0600), "ENOENT");
  EXPECT_THAT(run_program({"why", disk("POOL8")}).text,
              ::testing::AllOf(HasSubstr("is no disk of a set"), HasSubstr("POOL7.img")));
  EXPECT_THAT(run_program({"why", at("raw/1M/a b.d/TEST.img")}).text, HasSubstr("An id is made of"));
  EXPECT_THAT(run_program({"why", disk()}).text, HasSubstr("no failed open is known"));
  EXPECT_THAT(run_program({"why", set()}).text, HasSubstr("its template: raw-1m-"));
  EXPECT_THAT(run_program({"why", "raw/1M/a.d", "--store", mount().store(), "--builder", "host"}).text,
              HasSubstr("its template: raw-1m-"));
  std::string const path = at("btrfs/16M/a.d/TEST.img");
  EXPECT_EQ(open_outcome(path, O_RDWR), "EINVAL");
  EXPECT_THAT(run_program({"why", path}).text, HasSubstr("btrfs/16M/a.d/TEST.img: EINVAL: btrfs cannot"));
  EXPECT_THAT(xattr_of(path, "user.templatefs.error"), HasSubstr("a.d/TEST.img: EINVAL"));
}

TEST_F(Sets, AppearsWithItsFirstDiskAndIsAsNewAfterItsLast) {
  ASSERT_EQ(open_outcome(disk("POOL1"), O_RDWR), "ok");
  ASSERT_EQ(open_outcome(disk("TEST"), O_RDONLY), "ok");
  EXPECT_TRUE(is_listed(set()));
  EXPECT_THAT(names_in(set()), ElementsAre("POOL1.img", "TEST.img"));
  std::string const name = set().substr(set().rfind('/'));
  EXPECT_THAT(in_session(name), UnorderedElementsAre("TEST.img", "POOL1.img"));
  EXPECT_EQ(owner_of(set()), "0 0 0700");
  EXPECT_EQ(owner_of(disk()), "0 0 0600");

  ASSERT_EQ(outcome(::unlink(disk("POOL1").c_str())), "ok");
  EXPECT_TRUE(is_listed(set()));
  ASSERT_EQ(outcome(::unlink(disk("TEST").c_str())), "ok");
  EXPECT_FALSE(is_listed(set()));
  EXPECT_EQ(owner_of(set()), "0 0 1777");
  EXPECT_THAT(in_session(), Not(Contains(name.substr(1))));
  EXPECT_EQ(outcome(::unlink(disk("TEST").c_str())), "ENOENT");
  EXPECT_EQ(open_outcome_as(kBob, disk("TEST"), O_RDWR), "ok") << "whoever comes first has it";
  EXPECT_EQ(owner_of(set()), "65534 65534 0700");
}

TEST_F(Sets, ItsDisksAreImagesApart) {
  for (char const* const name : {"TEST", "SCRATCH"}) write_at(open_file(disk(name)).get(), name, 0);
  EXPECT_EQ(read_at(open_file(disk("TEST")).get(), 7, 0), std::string("TEST\0\0\0", 7));
  EXPECT_EQ(read_at(open_file(disk("SCRATCH")).get(), 7, 0), "SCRATCH");
  EXPECT_EQ(read_at(open_file(disk("POOL0")).get(), 7, 0), std::string(7, '\0'));
  EXPECT_EQ(xattr_of(disk(), "user.templatefs.fanout"), "reflink");
  ASSERT_EQ(open_outcome(disk("POOL1"), O_RDWR | O_TRUNC), "ok");
  EXPECT_EQ(stat_of(disk("POOL1")).st_size, 0);
  EXPECT_EQ(open_outcome(disk("POOL2"), O_RDWR | O_CREAT | O_EXCL, 0600), "EEXIST");
  ASSERT_EQ(outcome(::truncate(disk("POOL3").c_str(), 5000)), "ok");
  EXPECT_EQ(stat_of(disk("POOL3")).st_size, 5000);
}

TEST_F(Sets, ItsFilesystemsCanBeToldApart) {
  auto const uuid_of = [&](std::string const& path) {  // where ext4 keeps it
    return read_at(open_file(path).get(), 16, 1024 + 0x68);
  };
  std::string const path = at("ext4/16M/told-apart");
  std::set<std::string> const all{uuid_of(path + ".img"), uuid_of(path + ".d/TEST.img"),
                                  uuid_of(path + ".d/SCRATCH.img")};
  EXPECT_EQ(all.size(), 3u);
  EXPECT_EQ(uuid_of(path + "2.img"), uuid_of(path + ".img")) << "as its recipe says";
  EXPECT_EQ(outcome(::rmdir((path + ".d").c_str())), "ok");
}

TEST_F(Sets, ADiskCanBeBakedAndSaved) {
  write_at(open_file(disk()).get(), "golden", 0);
  std::string const copy = mount().beside("saved.img");
  for (auto const& words :
       {std::vector<std::string>{"bake", disk(), "--name", "of-a-set"}, {"save", disk(), copy}}) {
    auto const output = run_program(words);
    EXPECT_TRUE(output.status.success()) << output.text;
  }
  EXPECT_EQ(read_at(open_file(copy, O_RDONLY).get(), 6, 0), "golden");
  EXPECT_EQ(link_of(at("of-a-set/auto")), "native");
  EXPECT_EQ(read_at(open_file(at("of-a-set/auto/a.d/POOL0.img")).get(), 6, 0), "golden");
  EXPECT_THAT(names_in(at("of-a-set")), ElementsAre("native"));
  ASSERT_TRUE(run_program({"forget", "of-a-set", "--store", mount().store()}).status.success());
  EXPECT_EQ(link_of(at("of-a-set/auto")), "ENOENT");
  EXPECT_EQ(lstat_outcome(at("of-a-set/native/a.d/TEST.img")), "ENOENT") << "nothing new comes of it";
  EXPECT_EQ(open_outcome(at("of-a-set/native/a.d/POOL0.img"), O_RDWR), "ok") << "what exists stays";
  EXPECT_EQ(outcome(::rmdir(at("of-a-set/native/a.d").c_str())), "ok");
  EXPECT_EQ(lstat_outcome(at("of-a-set")), "ENOENT");
}

TEST_F(Sets, RenameMovesADiskToAnotherNameOfTheSet) {
  auto const held = open_file(disk("TEST"));
  write_at(held.get(), "moved", 0);
  write_at(open_file(disk("POOL0")).get(), "other", 0);
  auto const rename_to = [&](std::string const& target) {
    return outcome(::rename(disk("TEST").c_str(), target.c_str()));
  };
  EXPECT_EQ(rename_to(disk("POOL8")), "ENOENT");
  EXPECT_EQ(rename_to(set() + "/a.img"), "ENOENT");
  EXPECT_EQ(rename_to(image()), "EXDEV");
  EXPECT_EQ(rename_to(set("b") + "/TEST.img"), "EXDEV");
  ASSERT_EQ(rename_to(disk("SCRATCH")), "ok") << "onto a name that nobody opened";
  EXPECT_THAT(names_in(set()), ElementsAre("POOL0.img", "SCRATCH.img"));
  EXPECT_EQ(read_at(open_file(disk("SCRATCH")).get(), 5, 0), "moved");
  ASSERT_EQ(outcome(::rename(disk("SCRATCH").c_str(), disk("POOL0").c_str())), "ok") << "in place of another";
  EXPECT_THAT(names_in(set()), ElementsAre("POOL0.img"));
  EXPECT_EQ(read_at(open_file(disk("POOL0")).get(), 5, 0), "moved");
  write_at(held.get(), "later", 0);
  EXPECT_EQ(read_at(open_file(disk("POOL0")).get(), 5, 0), "later") << "who has it open goes along";
}

TEST_F(Sets, RmdirRemovesItsDisksAsOne) {
  int const before = status_of(mount().mount_point())["images"]["existing"];
  auto const held = open_file(disk("SCRATCH"));
  write_at(held.get(), "kept", 0);
  for (char const* const name : {"TEST", "POOL0", "POOL7"}) ASSERT_EQ(open_outcome(disk(name), O_RDWR), "ok");
  auto const directory = open_file(set(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(outcome(::rmdir(set().c_str())), "ok");
  EXPECT_FALSE(is_listed(set()));
  EXPECT_EQ(status_of(mount().mount_point())["images"]["existing"], before);
  EXPECT_THAT(in_session(), IsEmpty());
  EXPECT_EQ(read_at(held.get(), 4, 0), "kept") << "who has one open keeps it";
  EXPECT_EQ(stat_of(held.get()).st_nlink, 0u);
  EXPECT_EQ(outcome(::openat(directory.get(), "TEST.img", O_RDWR)), "ENOENT") << "it is another's by now";

  EXPECT_EQ(outcome(::rmdir(set().c_str())), "ENOENT") << "without a disk it does not exist";
  EXPECT_EQ(read_at(open_file(disk("SCRATCH")).get(), 4, 0), std::string(4, '\0')) << "as new, at once";
  EXPECT_THAT(names_in(set()), ElementsAre("SCRATCH.img"));
  EXPECT_EQ(read_at(held.get(), 4, 0), "kept");
}

TEST_F(Sets, OtherDirectoriesStayAndSetsThatNobodyOpenedDoNotExist) {
  EXPECT_EQ(outcome(::rmdir(at("raw/1M").c_str())), "EPERM");
  EXPECT_EQ(outcome(::rmdir(at("raw").c_str())), "EPERM");
  EXPECT_EQ(outcome(::rmdir(at(".templatefs").c_str())), "EPERM");
  EXPECT_EQ(outcome(::rmdir(set().c_str())), "ENOENT");
  EXPECT_EQ(outcome(::unlink(set().c_str())), "EISDIR");
}

TEST_F(Sets, RmAndMvCopeWithThem) {
  for (char const* const name : {"TEST", "POOL0"}) write_at(open_file(disk(name)).get(), name, 0);
  auto const removed = run({"rm", "-r", set()});
  EXPECT_TRUE(removed.status.success()) << removed.text;
  EXPECT_FALSE(is_listed(set()));
  EXPECT_TRUE(run({"rm", "-rf", set()}).status.success());

  write_at(open_file(disk()).get(), "moved", 0);
  for (auto const& words : {std::vector<std::string>{"mv", set(), set("b")}, {"mv", "-T", set(), set("b")}}) {
    auto const refused = run(words);
    EXPECT_EQ(refused.status.describe(), "exit status 1");
    EXPECT_THAT(refused.text, HasSubstr("Operation not permitted"));
  }
  EXPECT_THAT(names_in(set()), ElementsAre("TEST.img"));
  EXPECT_THAT(names_in(set("b")), IsEmpty());
  auto const moved = run({"mv", set(), mount().beside("moved")});
  EXPECT_TRUE(moved.status.success()) << moved.text;
  EXPECT_EQ(read_at(open_file(mount().beside("moved/TEST.img")).get(), 5, 0), "moved");
  EXPECT_FALSE(is_listed(set()));
  EXPECT_TRUE(run({"rm", "-r", mount().beside("moved")}).status.success());
}

TEST_F(Sets, RefusedNamesInThemCostNothingThatStays) {
  ASSERT_EQ(open_outcome(disk(), O_RDWR), "ok");
  auto const nodes = [&] { return status_of(mount().mount_point())["nodes"].get<int>(); };
  int const before = nodes();
  for (int each = 0; each < 1000; ++each)
    ASSERT_EQ(lstat_outcome(disk("POOL" + std::to_string(10 + each))), "ENOENT");
  EXPECT_EQ(nodes(), before);
}

TEST_F(Sets, ThousandsOfThemHoldNoDescriptors) {
  std::string const fds = "/proc/" + std::to_string(mount().daemon().pid()) + "/fd";
  ASSERT_EQ(open_outcome(disk(), O_RDWR), "ok");
  auto const before = names_in(fds).size();
  for (int each = 0; each < 500; ++each)
    ASSERT_EQ(open_outcome(set(std::to_string(each)) + "/TEST.img", O_RDWR), "ok");
  EXPECT_TRUE(wait_until([&] { return names_in(fds).size() <= before; })) << "the last is released later";
  EXPECT_EQ(names_in(at("raw/1M")).size(), 501u);
}

}  // namespace

}  // namespace templatefs::test
