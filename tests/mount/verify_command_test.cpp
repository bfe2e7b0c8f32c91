// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"

#include <sstream>

#include <gmock/gmock.h>

#include <unistd.h>

namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class VerifyCommand : public FreshStore {
 protected:
  /// The summary, which is the last of the JSON lines.
  Json summary(std::vector<std::string> words) const {
    words.emplace_back("--json");
    std::istringstream lines(run(words).text);
    Json last;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with('{')) last = Json::parse(line);  // the others are standard error's
    return last;
  }
  void build(std::string const& what) const {
    auto const output = run({"build", "--builder", "host", what});
    ASSERT_TRUE(output.status.success()) << output.text;
  }
  std::string only_key() const {
    auto const names = names_in(store("/templates"));
    EXPECT_EQ(names.size(), 1u);
    return names.empty() ? "" : names[0];
  }
  void damage(std::string const& key) const {
    Fd const image = open_at(AT_FDCWD, store("/templates/" + key + "/template.img"), O_WRONLY);
    write_all_at(image.get(), "damaged", 9 << 20, key);
  }
};

TEST_F(VerifyCommand, SaysWhatItFoundAndWhereItPutIt) {
  build("ext4/16M");
  auto const key = only_key();
  auto const well = run({"verify"});
  EXPECT_EQ(well.status.describe(), "exit status 0");
  EXPECT_THAT(well.text, AllOf(HasSubstr("ok "), HasSubstr(key), HasSubstr("1 of 1 templates are intact")));

  damage(key);
  EXPECT_TRUE(run({"verify", "--fast", key}).status.success());
  auto const sick = run({"verify", key});
  EXPECT_EQ(sick.status.describe(), "exit status 1");
  EXPECT_THAT(sick.text,
              AllOf(HasSubstr("QUARANTINED"), HasSubstr("SHA-256"), HasSubstr(store("/quarantine/" + key))));
  EXPECT_EQ(names_in(store("/quarantine")).size(), 1u);
  EXPECT_THAT(run({"ls"}).text, AllOf(HasSubstr("no templates"), HasSubstr("in quarantine: " + key)));
  EXPECT_THAT(run({"doctor", "--builder", "host"}).text, HasSubstr("1 damaged template"));
  EXPECT_TRUE(run({"verify"}).status.success()) << "nothing is left to be found";

  build("ext4/16M");
  EXPECT_THAT(names_in(store("/templates")), Contains(key));
  EXPECT_TRUE(run({"verify", key}).status.success());
  EXPECT_EQ(run({"clean", "--quarantine"}).text, "1 template removed from quarantine\n");
  EXPECT_THAT(names_in(store("/quarantine")), IsEmpty());
  EXPECT_THAT(names_in(store("/templates")), Contains(key)) << "the templates stay";
}

TEST_F(VerifyCommand, ReportsInJson) {
  build("raw/1M");
  auto const key = only_key();
  auto const well = summary({"verify"});
  EXPECT_EQ(well["schema"], "templatefs.verify/1");
  EXPECT_EQ(well["fast"], false);
  EXPECT_EQ(well["templates"], Json::parse(R"([{"key":")" + key + R"(","state":"ok","finding":""}])"));
  ASSERT_EQ(::truncate(store("/templates/" + key + "/template.img").c_str(), 0), 0);
  auto const sick = summary({"verify", "--fast"})["templates"][0];
  EXPECT_EQ(sick["state"], "quarantined");
  EXPECT_THAT(sick["finding"].get<std::string>(), HasSubstr("has 0 bytes and was made with 1048576"));
  EXPECT_THAT(names_in(store("/quarantine")), ElementsAre(sick["quarantine"].get<std::string>()));
}

TEST_F(VerifyCommand, AMountThatUsesItIsNamedAndBuildsAnewAndItsImagesStay) {
  Daemon const daemon(store());
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  auto const key = only_key();
  damage(key);
  auto const sick = run({"verify"});
  EXPECT_EQ(sick.status.describe(), "exit status 1");
  EXPECT_THAT(sick.text, HasSubstr("IN USE by pid=" + std::to_string(daemon.pid())));
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/b.img", O_RDWR), "ok");
  EXPECT_EQ(only_key(), key) << "it was built anew";
  EXPECT_TRUE(run({"verify"}).status.success());
  auto const b = open_file(daemon / "ext4/16M/b.img");
  std::string bytes(7, '?');
  ASSERT_EQ(::pread(b.get(), bytes.data(), bytes.size(), 9 << 20), 7);
  EXPECT_NE(bytes, "damaged");
}

TEST_F(VerifyCommand, OneTerabyteTakesAsLongAsItsData) {
  build("ext4/1T");
  EXPECT_TRUE(run({"verify"}).status.success()) << "it would take minutes to read its holes";
}

TEST_F(VerifyCommand, TouchesNothingThatIsNotOurs) {
  EXPECT_THAT(run({"verify"}).text, HasSubstr("there is none yet"));
  make_directories(AT_FDCWD, store("/theirs"), 0700);
  auto const foreign = run({"verify"});
  EXPECT_EQ(foreign.status.describe(), "exit status 1");
  EXPECT_THAT(foreign.text, HasSubstr("holds no FORMAT file of ours"));
  EXPECT_THAT(names_in(store()), ElementsAre("theirs"));
  remove_tree(AT_FDCWD, store());

  build("raw/1M");
  make_directories(AT_FDCWD, store("/templates/not-a-key"), 0700);
  EXPECT_THAT(run({"verify"}).text, HasSubstr("templates/not-a-key is not ours and was left alone"));
  EXPECT_EQ(run({"verify", "not-a-key"}).status.describe(), "exit status 3");
  EXPECT_EQ(names_in(store("/templates")).size(), 2u);

  auto const before = names_in(store());
  replace_file(AT_FDCWD, store("/FORMAT"), "templatefs store 9\n", 0644, false);
  auto const other = run({"verify"});
  EXPECT_EQ(other.status.describe(), "exit status 1");
  EXPECT_THAT(other.text, AllOf(HasSubstr("templatefs store 9"), HasSubstr("another --store")));
  EXPECT_EQ(names_in(store()), before);
  EXPECT_THAT(names_in(store("/quarantine")), IsEmpty());
}

TEST_F(VerifyCommand, AManifestThatCannotBeReadIsSaidInASentence) {
  build("raw/1M");
  auto const key = only_key();
  replace_file(AT_FDCWD, store("/templates/" + key + "/manifest.json"), "not json", 0444, false);
  auto const output = run({"verify", "--fast"});
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, AllOf(HasSubstr("QUARANTINED"), HasSubstr("read a manifest")));
}

}  // namespace

}  // namespace templatefs::test
