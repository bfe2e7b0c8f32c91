// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"

#include <csignal>
#include <sstream>

#include <gmock/gmock.h>

// The commands that say what mounts, images and templates are.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

class StatusCommand : public FreshStore {};
class InspectCommand : public FreshStore {};

Json json_of(std::vector<std::string> words) {
  words.emplace_back("--json");
  auto const output = run_program(words);
  EXPECT_TRUE(output.status.success()) << output.text;
  return Json::parse(output.text);
}

void expect_columns(std::string const& text, std::size_t most) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    bool const has_path = line.find('/') != std::string::npos;  // which stands whole, to be copied
    EXPECT_TRUE(has_path || line.size() <= most) << line;
  }
}

TEST_F(StatusCommand, SaysHowAMountIs) {
  Daemon const daemon(store());
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  ASSERT_EQ(open_outcome(daemon / "xfs/16M/a.img", O_RDWR), "EINVAL");
  auto const open = open_file(daemon / "raw/1M/a.img");
  auto const output = run_program({"status", daemon.mount_point()});
  EXPECT_TRUE(output.status.success());
  EXPECT_THAT(output.text, AllOf(StartsWith(daemon.mount_point() + "\n"),
                                 HasSubstr("pid " + std::to_string(daemon.pid())), HasSubstr(store()),
                                 HasSubstr("reflink"), HasSubstr("passthrough"), HasSubstr("2 exist, 1 open"),
                                 HasSubstr("2 succeeded, 1 failed"), HasSubstr("xfs/16M/a.img: EINVAL")));
  expect_columns(output.text, 80);
  auto const json = json_of({"status", daemon.mount_point()});
  EXPECT_EQ(json["schema"], "templatefs.status-list/1");
  ASSERT_EQ(json["mounts"].size(), 1u);
  auto const& mount = json["mounts"][0];
  EXPECT_EQ(mount["mount_point"], daemon.mount_point());
  EXPECT_EQ(mount["answers"], true);
  EXPECT_EQ(mount["status"]["counters"]["opens"], 2);
  EXPECT_THAT(mount["last_failures"], ::testing::SizeIs(1));
}

TEST_F(StatusCommand, ListsAllMountsAndTellsTheDeadFromTheLiving) {
  Daemon const first(store());
  Daemon second(store());
  auto const mount_points = [&] {
    std::vector<std::string> out;
    // Other mounts of this machine are nobody's business here, and one of them may be dead.
    auto const json = Json::parse(run_program({"status", "--json"}).text);
    for (auto const& mount : json["mounts"]) out.push_back(mount["mount_point"]);
    return out;
  };
  EXPECT_THAT(mount_points(), AllOf(Contains(first.mount_point()), Contains(second.mount_point())));
  second.kill(false);
  auto const output = run_program({"status", first.mount_point(), second.mount_point()});
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, HasSubstr("its daemon was killed"));
}

TEST_F(StatusCommand, OfWhatIsNoMountSaysSo) {
  for (char const* const command : {"status", "watch", "top"}) {
    auto const output = run_program({command, store()});
    EXPECT_EQ(output.status.describe(), "exit status 3") << command;
    EXPECT_THAT(output.text, HasSubstr("no templatefs is mounted at " + store())) << command;
  }
}

TEST_F(StatusCommand, GivesUpOnADaemonThatDoesNotAnswer) {
  Daemon const daemon(store());
  daemon.signal(SIGSTOP);
  auto const output = run_program({"status", daemon.mount_point()});
  daemon.signal(SIGCONT);
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, HasSubstr("does not answer"));
}

TEST_F(InspectCommand, TellsEverythingOfAnImageAndItsTemplate) {
  Daemon const daemon(store());
  auto const image = daemon / "ext4/64M/a.img";
  ASSERT_EQ(open_outcome(image, O_RDWR), "ok");
  write_at(open_file(image).get(), std::string(1 << 20, 'x'), 50 << 20);
  auto const json = json_of({"inspect", image});
  EXPECT_EQ(json["schema"], "templatefs.inspect/1");
  EXPECT_EQ(json["image"]["path"], image);
  EXPECT_EQ(json["image"]["request"], "ext4/64M");
  EXPECT_EQ(json["image"]["opener"], "uid=0 gid=0");
  EXPECT_EQ(json["image"]["exclusive_bytes"], 1 << 20);
  EXPECT_EQ(json["image"]["size_bytes"], 64 << 20);
  ASSERT_EQ(json["templates"].size(), 1u);
  auto const& made_from = json["templates"][0];
  EXPECT_EQ(made_from["key"], json["image"]["template"]);
  EXPECT_EQ(made_from["inputs"]["filesystem"], "ext4");
  EXPECT_EQ(made_from["inputs"]["capacity_mib"], "64");
  EXPECT_TRUE(made_from["inputs"].contains("formatter_version")) << made_from["inputs"];
  EXPECT_EQ(made_from["shared_bytes"], json["image"]["shared_bytes"]);
  EXPECT_THAT(made_from["content_sha256"].get<std::string>(), ::testing::SizeIs(64));
  EXPECT_EQ(made_from["in_use_by"][0]["pid"], daemon.pid());
  auto const text = run_program({"inspect", image}).text;
  EXPECT_THAT(text, AllOf(StartsWith(image + "\n"), HasSubstr("made from"), HasSubstr("exclusive    1M"),
                          HasSubstr("inputs of the key"), HasSubstr("formatter_version")));
  expect_columns(text, 80);
}

TEST_F(InspectCommand, OfANameNobodyOpenedMakesNothing) {
  Daemon const daemon(store());
  auto const json = json_of({"inspect", daemon / "ext4/64M/a.img"});
  EXPECT_EQ(json["image"]["state"], "name");
  EXPECT_THAT(json["templates"], ::testing::IsEmpty());
  EXPECT_THAT(names_in(store() + "/templates"), ::testing::IsEmpty());
  EXPECT_THAT(names_in(daemon / "ext4"), ::testing::IsEmpty());
}

TEST_F(InspectCommand, FindsTemplatesByTheBeginningOfTheirKeys) {
  ASSERT_TRUE(
      run_program({"build", "--builder", "host", "--store", store(), "ext4/16M", "ext4/17M", "raw/1G"})
          .status.success());
  auto const keys = [&](std::string const& subject) {
    std::vector<std::string> out;
    auto const json = json_of({"inspect", "--store", store(), subject});
    for (auto const& each : json["templates"]) out.push_back(each["key"]);
    return out;
  };
  EXPECT_THAT(keys("ext4-"), ::testing::ElementsAre(StartsWith("ext4-16m-"), StartsWith("ext4-17m-")));
  EXPECT_THAT(keys("ext4/17M"), ::testing::ElementsAre(StartsWith("ext4-17m-")));
  EXPECT_THAT(keys("raw/1024M"), ::testing::ElementsAre(StartsWith("raw-1024m-")));
  auto const whole = keys("ext4-16m")[0];
  EXPECT_THAT(keys(whole), ::testing::ElementsAre(whole));
}

TEST_F(InspectCommand, OfNothingSuggestsWhatWasMeant) {
  ASSERT_TRUE(run_program({"build", "--builder", "host", "--store", store(), "ext4/16M"}).status.success());
  Daemon const daemon(store());
  auto const expect = [&](std::string const& subject, std::string const& words) {
    auto const output = run_program({"inspect", "--store", store(), subject});
    EXPECT_EQ(output.status.describe(), "exit status 3") << subject << output.text;
    EXPECT_THAT(output.text, HasSubstr(words)) << subject;
  };
  expect("ext3-16m", "Did you mean \"ext4-16m\"?");
  expect("f2fs", "`templatefs ls` lists the keys");
  expect(daemon / "ext5/16M/a.img", "Did you mean \"ext");
  expect(daemon / "ext4/16M/a.txt", "`templatefs why`");
  EXPECT_EQ(run_program({"inspect", daemon.mount_point()}).status.describe(), "exit status 1");
}

}  // namespace

}  // namespace templatefs::test
