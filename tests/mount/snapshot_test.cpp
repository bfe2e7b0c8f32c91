// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <gmock/gmock.h>

#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Snapshot : public OnEachStore {
 protected:
  static void write(std::string const& path, std::string const& text) {
    write_at(open_file(path).get(), text, 0);
  }
  static std::string text_of(std::string const& path) {
    return read_at(open_file(path, O_RDONLY).get(), 4, 0);
  }
  static CommandOutput run(std::vector<std::string> const& words) { return run_program(words); }
  static void expect_done(std::vector<std::string> const& words) {
    auto const output = run(words);
    EXPECT_TRUE(output.status.success()) << output.text;
  }
  static std::vector<std::string> list(std::string const& path) {
    auto const output = run({"snapshot", "--json", path});
    EXPECT_TRUE(output.status.success()) << output.text;
    return nlohmann::json::parse(output.text)["snapshots"];
  }
  /// What the mount keeps beside its images: nothing of a change that is over.
  std::vector<std::string> debris() const {
    auto const session = status_of(mount().mount_point())["session"].get<std::string>();
    std::vector<std::string> found;
    for (auto const& name : names_in_store(mount(), "sessions/" + session + "/images/raw/1M"))
      if (name.front() == '.' && name != ".snapshots") found.push_back(name);
    return found;
  }
};

TEST_P(Snapshot, AnImageGoesBackToWhatItWas) {
  write(image(), "one.");
  expect_done({"snapshot", image(), "first"});
  write(image(), "two.");
  expect_done({"snapshot", image(), "second"});
  write(image(), "3...");
  EXPECT_THAT(list(image()), ElementsAre("first", "second"));
  expect_done({"revert", image(), "first"});
  EXPECT_EQ(text_of(image()), "one.");
  expect_done({"revert", image(), "second"});
  EXPECT_EQ(text_of(image()), "two.");
  write(image(), "mine");
  expect_done({"revert", image(), "second"});
  EXPECT_EQ(text_of(image()), "two.") << "a snapshot changed with the image that came from it";
  expect_done({"revert", image()});
  EXPECT_EQ(text_of(image()), std::string(4, '\0'));
  EXPECT_EQ(stat_of(image()).st_size, 1 << 20);
  EXPECT_THAT(debris(), IsEmpty());
}

TEST_P(Snapshot, TheTemplateIsTheOneThatTheImageWasMadeFrom) {
  std::string const path = at("ext4/16M/from-template.img");
  auto const superblock = [&] { return read_at(open_file(path, O_RDONLY).get(), 1024, 1024); };
  (void)open_file(path);
  auto const before = superblock();
  write_at(open_file(path).get(), std::string(4096, 'x'), 0);
  ASSERT_NE(superblock(), before);
  expect_done({"revert", path});
  EXPECT_EQ(superblock(), before);
}

TEST_P(Snapshot, AGrownImageShrinksToWhatItWas) {
  write(image(), "here");
  expect_done({"snapshot", image(), "small"});
  ASSERT_EQ(outcome(::truncate(image().c_str(), 3 << 20)), "ok");
  expect_done({"revert", image(), "small"});
  EXPECT_EQ(stat_of(image()).st_size, 1 << 20);
  ASSERT_EQ(outcome(::truncate(image().c_str(), 3 << 20)), "ok");
  {
    Fd const open = open_file(image());
    expect_done({"revert", "--force", image(), "small"});
    EXPECT_EQ(stat_of(open.get()).st_size, 1 << 20);
  }
}

TEST_P(Snapshot, WhileItIsOpenItTakesForce) {
  write(image(), "one.");
  {
    Fd const open = open_file(image());
    auto const refused = run({"snapshot", image(), "held"});
    EXPECT_EQ(refused.status.describe(), "exit status 1");
    EXPECT_THAT(refused.text, HasSubstr("open for writing by"));
    expect_done({"snapshot", "--force", image(), "held"});
    write_at(open.get(), "two.", 0);
    EXPECT_EQ(run({"revert", image(), "held"}).status.describe(), "exit status 1");
    EXPECT_EQ(read_at(open.get(), 4, 0), "two.");
    expect_done({"revert", "--force", image(), "held"});
    EXPECT_EQ(read_at(open.get(), 4, 0), "one.") << "the kernel kept what it had cached";
    EXPECT_EQ(text_of(image()), "one.");
  }
  {
    Fd const open = open_file(image(), O_RDONLY);
    expect_done({"snapshot", image(), "read"});  // a reader is no reason
    EXPECT_EQ(run({"revert", image(), "held"}).status.describe(), "exit status 1");
  }
  EXPECT_THAT(debris(), IsEmpty());
}

TEST_P(Snapshot, FollowsARenameAndGoesWithItsImage) {
  write(image("a"), "one.");
  expect_done({"snapshot", image("a"), "first"});
  ASSERT_EQ(outcome(::rename(image("a").c_str(), image("b").c_str())), "ok");
  write(image("b"), "two.");
  EXPECT_THAT(list(image("b")), ElementsAre("first"));
  expect_done({"revert", image("b"), "first"});
  EXPECT_EQ(text_of(image("b")), "one.");
  ASSERT_EQ(outcome(::unlink(image("b").c_str())), "ok");
  write(image("b"), "anew");
  EXPECT_THAT(list(image("b")), IsEmpty());
  expect_done({"snapshot", image("b"), "first"});
  write(image("c"), "c...");
  ASSERT_EQ(outcome(::rename(image("c").c_str(), image("b").c_str())), "ok");
  EXPECT_THAT(list(image("b")), IsEmpty()) << "of the image that was replaced";
}

TEST_P(Snapshot, OfADiskOfASetGoesWithTheSet) {
  std::string const disk = at("raw/1M/snapshots.d/TEST.img");
  write(disk, "one.");
  expect_done({"snapshot", disk, "first"});
  write(disk, "two.");
  expect_done({"revert", disk, "first"});
  EXPECT_EQ(text_of(disk), "one.");
  ASSERT_EQ(outcome(::rmdir(at("raw/1M/snapshots.d").c_str())), "ok");
  write(disk, "anew");
  EXPECT_THAT(list(disk), IsEmpty());
}

TEST_P(Snapshot, AMistakeIsToldAndChangesNothing) {
  EXPECT_THAT(run({"snapshot", image(), "first"}).text, HasSubstr("nobody has opened it yet"));
  write(image(), "text");
  expect_done({"snapshot", image(), "first"});
  EXPECT_THAT(run({"snapshot", image(), "first"}).text, HasSubstr("--remove"));
  EXPECT_THAT(run({"revert", image(), "second"}).text, HasSubstr("there is none"));
  for (char const* const name : {"..", "a/b", ".hidden", "-x"})
    for (char const* const attribute : {"snapshot", "snapshot.force", "snapshot.remove", "revert"})
      EXPECT_NE(outcome(::setxattr(image().c_str(), ("user.templatefs." + std::string(attribute)).c_str(),
                                   name, std::string(name).size(), 0)),
                "ok")
          << attribute << " " << name;
  EXPECT_EQ(text_of(image()), "text");
  expect_done({"snapshot", "--remove", image(), "first"});
  EXPECT_THAT(run({"snapshot", "--remove", image(), "first"}).text, HasSubstr("there is none"));
  EXPECT_THAT(list(image()), IsEmpty());
  ASSERT_EQ(outcome(open_file(image("empty"), O_RDWR | O_TRUNC).get() < 0), "ok");
  EXPECT_THAT(run({"revert", image("empty")}).text, HasSubstr("template"));
}

TEST_P(Snapshot, OpenersWaitForARevertAndFindAllOfIt) {
  write(image(), "one.");
  expect_done({"snapshot", image(), "first"});
  auto const path = image();
  auto const statuses = run_in_processes(8, [&](unsigned index) {
    for (int round = 0; round < 50; ++round) {
      if (index == 0) {
        ::setxattr(path.c_str(), "user.templatefs.revert", "first", 5, 0);
        continue;
      }
      if (text_of(path) != "one.") return 1;
    }
    return 0;
  });
  EXPECT_THAT(statuses, ::testing::Each(0));
  EXPECT_THAT(debris(), IsEmpty());
}

INSTANTIATE_ON_ALL_STORES(Snapshot);

}  // namespace

}  // namespace templatefs::test
