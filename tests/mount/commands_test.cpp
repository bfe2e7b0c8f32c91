// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"

#include <sstream>

#include <gmock/gmock.h>

#include <unistd.h>

// The commands that look at a store or mend it, beside a mount that uses it.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

class Commands : public FreshStore {
 protected:
  std::string store(std::string const& name = "store") const { return beside(name); }
  CommandOutput build(std::vector<std::string> const& templates) const {
    std::vector<std::string> words{"build", "--builder", "host"};
    words.insert(words.end(), templates.begin(), templates.end());
    return run(words);
  }
  Json run_json(std::vector<std::string> words) const {
    words.emplace_back("--json");
    auto const output = run(words);
    EXPECT_TRUE(output.status.success()) << output.text;
    return Json::parse(output.text);
  }
};

TEST_F(Commands, LsOfNoStoreSaysSoAndMakesNone) {
  auto const output = run({"ls"});
  EXPECT_TRUE(output.status.success());
  EXPECT_THAT(output.text, HasSubstr("there is no store yet"));
  auto const json = run_json({"ls"});
  EXPECT_EQ(json["exists"], false);
  EXPECT_THAT(json["templates"], IsEmpty());
  EXPECT_EQ(run_json({"clean"})["removed"].size(), 0u);
  EXPECT_EQ(::access(store().c_str(), F_OK), -1);
}

TEST_F(Commands, BuildMakesTemplatesAndASecondOneFindsThem) {
  auto const output = build({"ext4/16M", "raw/1G", "ext4/16M"});
  EXPECT_TRUE(output.status.success()) << output.text;
  EXPECT_THAT(output.text, AllOf(HasSubstr("ext4/16M  ext4-16m-"), HasSubstr("raw/1G  raw-1024m-"),
                                 HasSubstr("built in")));
  auto const again = build({"ext4/16M", "raw/1024M"});
  EXPECT_THAT(again.text, AllOf(HasSubstr("was there already"), Not(HasSubstr("built in"))));
  EXPECT_EQ(names_in(store("store/templates")).size(), 2u);
  EXPECT_THAT(names_in(store("store/sessions")), IsEmpty());
  EXPECT_EQ(build({"-q", "ext4/16M"}).text, "");
}

TEST_F(Commands, BuildReportsInJsonLines) {
  FormatterStandIn const formatter("mkfs.ext4", "echo no; exit 7");
  auto const output = build({"--json", "raw/1M", "ext4/16M"});
  EXPECT_EQ(output.status.describe(), "exit status 4");
  std::map<std::string, Json> summaries;
  std::istringstream lines(output.text);
  for (std::string line; std::getline(lines, line);) {
    auto const json = Json::parse(line);
    if (json["message_type"] == "summary") summaries[json["template"]] = json;
  }
  ASSERT_EQ(summaries.size(), 2u) << output.text;
  EXPECT_EQ(summaries["raw/1M"]["schema"], "templatefs.build/1");
  EXPECT_EQ(summaries["raw/1M"]["state"], "ready");
  EXPECT_EQ(summaries["raw/1M"]["built"], true);
  EXPECT_EQ(summaries["ext4/16M"]["state"], "failed");
  EXPECT_EQ(summaries["ext4/16M"]["errno"], "EIO");
  EXPECT_THAT(summaries["ext4/16M"]["message"].get<std::string>(), HasSubstr("exit status 7"));
}

TEST_F(Commands, BuildRefusesWhatCannotBe) {
  for (auto const& [wish, reason] : {std::pair("xfs/256M", "needs at least 300M"),
                                     {"ext5/1G", "no recipe is called"},
                                     {"ext4/1.5G", "is no capacity"},
                                     {"ext4", "names no capacity"}}) {
    auto const output = build({wish});
    EXPECT_EQ(output.status.describe(), "exit status 2") << wish;
    EXPECT_THAT(output.text, HasSubstr(reason)) << wish;
  }
  EXPECT_EQ(::access(store().c_str(), F_OK), -1) << "not even a store was made";
}

TEST_F(Commands, LsShowsWhatIsThereAndWhoUsesIt) {
  ASSERT_TRUE(build({"ext4/16M", "raw/1G"}).status.success());
  Daemon const daemon(store());
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  auto const json = run_json({"ls"});
  EXPECT_EQ(json["schema"], "templatefs.ls/1");
  ASSERT_EQ(json["templates"].size(), 2u);
  auto const& ext4 = json["templates"][0];
  EXPECT_THAT(ext4["key"].get<std::string>(), ::testing::MatchesRegex("ext4-16m-[0-9a-f]{16}"));
  EXPECT_EQ(ext4["recipe"], "ext4");
  EXPECT_EQ(ext4["capacity_bytes"], 16 << 20);
  EXPECT_GT(ext4["allocated_bytes"], 0);
  EXPECT_LT(ext4["allocated_bytes"], 16 << 20);
  EXPECT_THAT(ext4["formatter"].get<std::string>(), HasSubstr("mke2fs"));
  EXPECT_THAT(ext4["built_at"].get<std::string>(), ::testing::MatchesRegex("20[0-9-]+T[0-9:]+Z"));
  ASSERT_EQ(ext4["in_use_by"].size(), 1u);
  EXPECT_EQ(ext4["in_use_by"][0]["pid"], daemon.pid());
  EXPECT_THAT(ext4["in_use_by"][0]["command"].get<std::string>(), HasSubstr("mount -f"));
  EXPECT_THAT(json["templates"][1]["in_use_by"], IsEmpty());
  auto const table = run({"ls"}).text;
  EXPECT_THAT(table, AllOf(HasSubstr("KEY"), HasSubstr("16M"), HasSubstr("1G"),
                           HasSubstr(std::to_string(daemon.pid()))));
}

TEST_F(Commands, LongLsTellsWhatIsOnesOwnAndWhatIsShared) {
  Daemon const daemon(store(), {"--builder", "host", "-o", "allow_other"});
  auto const image = daemon / "ext4/64M/a.img";
  ASSERT_EQ(open_outcome_as(1234, image, O_RDWR), "ok");
  ASSERT_EQ(open_outcome(daemon / "ext4/64M/b.img", O_RDWR), "ok");
  write_at(open_file(image).get(), std::string(1 << 20, 'x'), 50 << 20);
  EXPECT_FALSE(run_json({"ls"})["templates"][0].contains("shared_bytes"));
  EXPECT_FALSE(run_json({"ls", "--images"})["images"][0].contains("shared_bytes"));
  auto const images = run_json({"ls", "--images", "-l"})["images"];
  ASSERT_EQ(images.size(), 2u);
  for (auto const* const name : {"exclusive_bytes", "shared_bytes"})
    EXPECT_EQ(std::to_string(images[0][name].get<long>()),
              xattr_of(image, std::string("user.templatefs.") + name))
        << name;
  EXPECT_EQ(images[0]["exclusive_bytes"], 1 << 20);
  EXPECT_EQ(images[1]["exclusive_bytes"], 0);
  EXPECT_EQ(images[0]["opener"], "uid=1234 gid=1234");
  EXPECT_EQ(images[1]["opener"], "uid=0 gid=0");
  EXPECT_EQ(images[0]["created"], xattr_of(image, "user.templatefs.created"));
  auto const templates = run_json({"ls", "-l"})["templates"];
  ASSERT_EQ(templates.size(), 1u);
  EXPECT_EQ(templates[0]["shared_bytes"], images[0]["shared_bytes"]);
  EXPECT_EQ(templates[0]["exclusive_bytes"], 0) << "its images have all of it";
  EXPECT_THAT(templates[0]["last_used"].get<std::string>(), ::testing::MatchesRegex("20[0-9-]+T[0-9:]+Z"));
  EXPECT_THAT(run({"ls", "-l"}).text,
              AllOf(HasSubstr("EXCLUSIVE"), HasSubstr(templates[0]["key"].get<std::string>()),
                    HasSubstr(std::to_string(daemon.pid()) + " (" + program_path() + " mount -f ")));
  EXPECT_THAT(run({"ls", "--images", "--long"}).text,
              AllOf(HasSubstr("OPENER"), HasSubstr("uid=1234 gid=1234  20"), HasSubstr("  1M  ")));
}

TEST_F(Commands, CleanRemovesWhatNobodyUsesAndCounts) {
  ASSERT_TRUE(build({"ext4/16M", "raw/1G", "raw/1M"}).status.success());
  {
    Daemon const daemon(store());
    ASSERT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
    auto const json = run_json({"clean"});
    EXPECT_EQ(json["schema"], "templatefs.clean/1");
    EXPECT_EQ(json["removed"].size(), 2u);
    ASSERT_EQ(json["in_use"].size(), 1u);
    EXPECT_THAT(json["in_use"][0].get<std::string>(), HasSubstr("ext4-16m-"));
    EXPECT_EQ(json["debris_removed"], 0);
    auto const again = run({"clean"}).text;
    EXPECT_THAT(again, AllOf(HasSubstr("0 templates removed"), HasSubstr("is in use and stays")));
    EXPECT_EQ(open_outcome(daemon / "ext4/16M/b.img", O_RDWR), "ok");
    EXPECT_EQ(open_outcome(daemon / "raw/1M/c.img", O_RDWR), "ok") << "a removed one is made anew";
  }
  EXPECT_THAT(run({"clean"}).text, HasSubstr("2 templates removed"));
  EXPECT_THAT(names_in(store("store/templates")), IsEmpty());
  EXPECT_EQ(names_in(store("store/locks")).size(), 3u) << "lock files stay while the store lives";
}

TEST_F(Commands, CleanOfDebrisTakesDeadSessionsOnly) {
  ASSERT_TRUE(build({"ext4/16M"}).status.success());
  Daemon const alive(store());
  auto const image = open_file(alive / "ext4/16M/a.img");
  {
    Daemon dead(store());
    ASSERT_EQ(open_outcome(dead / "ext4/16M/a.img", O_RDWR), "ok");
    dead.kill(true);
    EXPECT_EQ(names_in(store("store/sessions")).size(), 2u);
    auto const json = run_json({"clean", "--debris"});
    EXPECT_EQ(json["debris_removed"], 1);
    EXPECT_THAT(json["removed"], IsEmpty());
  }
  EXPECT_EQ(names_in(store("store/sessions")).size(), 1u);
  EXPECT_EQ(names_in(store("store/templates")).size(), 1u);
  EXPECT_EQ(open_outcome(alive / "ext4/16M/a.img", O_RDWR), "ok");
  EXPECT_EQ(run({"clean", "--debris"}).text, "0 dead sessions swept\n");
}

TEST_F(Commands, CleanLeavesAloneWhatIsNotOurs) {
  ASSERT_TRUE(build({"raw/1M"}).status.success());
  make_directories(AT_FDCWD, store("store/templates/not-a-key"), 0700);
  EXPECT_EQ(run_json({"clean"})["removed"].size(), 1u);
  EXPECT_THAT(names_in(store("store/templates")), ElementsAre("not-a-key"));
}

TEST_F(Commands, WhySaysWhetherTheTemplateIsThere) {
  EXPECT_THAT(run({"why", "ext4/16M", "--builder", "host"}).text, HasSubstr("no store yet"));
  ASSERT_TRUE(build({"raw/1M"}).status.success());
  EXPECT_THAT(run({"why", "ext4/16M", "--builder", "host"}).text,
              AllOf(HasSubstr("ext4-16m-"), HasSubstr("not built yet")));
  ASSERT_TRUE(build({"ext4/16M"}).status.success());
  EXPECT_THAT(run({"why", "ext4/16M", "--builder", "host"}).text,
              AllOf(HasSubstr("ext4-16m-"), HasSubstr("built 20")));
  EXPECT_THAT(run({"why", "xfs/16M", "--builder", "host"}).text, HasSubstr("needs at least 300M"));
  EXPECT_THAT(run({"why", "zfs/16M", "--builder", "host"}).text, HasSubstr("no recipe is called"));
}

}  // namespace

}  // namespace templatefs::test
