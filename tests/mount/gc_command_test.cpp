// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <ctime>

#include <gmock/gmock.h>

#include <sys/stat.h>

namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

class GcCommand : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    filesystem_ = std::make_unique<LoopFilesystem>("xfs");
    // So that a template takes 4 MiB and little more.
    formatter_ = std::make_unique<FormatterStandIn>("mkfs.ext4",
                                                    R"("$real" "$@" && for disk; do :; done &&
           dd if=/dev/urandom of="$disk" bs=1M count=4 seek=16 conv=notrunc status=none)");
  }
  void TearDown() override {
    formatter_.reset();
    filesystem_.reset();
    LeakCheck::TearDown();
  }
  std::string store(std::string const& below = "") const { return *filesystem_ / "store" + below; }
  std::string config(std::string const& budget) const {
    auto const file = *filesystem_ / "config.toml";
    replace_file(AT_FDCWD, file, "[store]\n" + budget + "\n", 0600, false);
    return file;
  }
  CommandOutput run(std::vector<std::string> words) const {
    words.insert(words.end(), {"--store", store()});
    return run_program(words);
  }
  Json run_json(std::vector<std::string> words) const {
    words.emplace_back("--json");
    auto const output = run(words);
    EXPECT_TRUE(output.status.success()) << output.text;
    return Json::parse(output.text);
  }
  /// Templates of these, the first one used longest ago.
  void build(std::vector<std::string> const& all) const {
    int hours = 100;
    for (auto const& what : all) {
      auto const before = names_in(store("/templates"));
      auto const output = run({"build", "--builder", "host", what});
      ASSERT_TRUE(output.status.success()) << output.text;
      for (auto const& key : names_in(store("/templates")))
        if (std::find(before.begin(), before.end(), key) == before.end()) age(key, --hours);
    }
  }
  void age(std::string const& key, int hours) const {
    timespec const then{std::time(nullptr) - 3600L * hours, 0};
    timespec const times[] = {then, then};
    for (auto const& path : {store("/locks/" + key + ".lock"), store("/templates/" + key + "/template.img")})
      check(::utimensat(AT_FDCWD, path.c_str(), times, 0), "set the times of", path);
  }
  static std::vector<std::string> keys(Json const& removed) {
    std::vector<std::string> out;
    for (auto const& each : removed) out.push_back(each["key"]);
    return out;
  }

  std::unique_ptr<LoopFilesystem> filesystem_;
  std::unique_ptr<FormatterStandIn> formatter_;
};

TEST_F(GcCommand, ADryRunPrintsWhatTheRunThenRemoves) {
  build({"ext4/64M", "raw/1G", "ext4/65M", "ext4/66M"});
  EXPECT_GT(run_json({"gc"})["template_bytes"].get<std::int64_t>(), 12 << 20);
  auto const file = config("max_size = \"1M\"\nkeep = [\"ext4/66M\"]");
  auto const planned = run_json({"gc", "--dry-run", "--config", file});
  EXPECT_EQ(planned["schema"], "templatefs.gc/1");
  EXPECT_EQ(names_in(store("/templates")).size(), 4u);
  EXPECT_THAT(keys(planned["removed"]), ElementsAre(StartsWith("ext4-64m-"), StartsWith("ext4-65m-")));
  auto const done = run_json({"gc", "--config", file});
  EXPECT_EQ(done["removed"], planned["removed"]);
  EXPECT_EQ(done["template_bytes"], planned["template_bytes"]);
  EXPECT_THAT(names_in(store("/templates")), ElementsAre(StartsWith("ext4-66m-"), StartsWith("raw-1024m-")))
      << "an empty one would free nothing";
}

TEST_F(GcCommand, SaysWhatItDidAndWhatHoldsItBack) {
  build({"ext4/64M"});
  EXPECT_THAT(run({"gc"}).text, AllOf(HasSubstr("0 templates removed"), HasSubstr("no budget is set")));
  EXPECT_THAT(run({"gc", "--max-size", "1.5G"}).text, HasSubstr("Write it like"));
  {
    Daemon const daemon(store());
    ASSERT_EQ(open_outcome(daemon / "ext4/64M/a.img", O_RDWR), "ok");
    EXPECT_THAT(run({"gc", "--max-size", "1M"}).text,
                AllOf(HasSubstr("is in use and stays"), HasSubstr("the budget does not hold")));
    EXPECT_EQ(open_outcome(daemon / "ext4/64M/b.img", O_RDWR), "ok");
  }
  EXPECT_THAT(run({"gc", "--max-size", "1M"}).text,
              AllOf(HasSubstr("removed ext4-64m-"), HasSubstr("the least recently used")));
}

TEST_F(GcCommand, AMountHoldsTheBudgetByItselfAndRefusesWhatDoesNotFit) {
  build({"ext4/64M", "ext4/65M"});
  Daemon const daemon(store(), {"--builder", "host", "--config", config("max_size = \"7M\"")});
  EXPECT_TRUE(wait_until([&] { return names_in(store("/templates")).size() == 1; })) << daemon.output();
  EXPECT_THAT(names_in(store("/templates")), ElementsAre(StartsWith("ext4-65m-")));
  ASSERT_EQ(open_outcome(daemon / "ext4/66M/a.img", O_RDWR), "ok") << "it makes room for a build";
  EXPECT_THAT(names_in(store("/templates")), ElementsAre(StartsWith("ext4-66m-")));
  EXPECT_EQ(open_outcome(daemon / "ext4/67M/a.img", O_RDWR), "EDQUOT") << "what is in use stays";
  EXPECT_THAT(run({"why", daemon / "ext4/67M/a.img"}).text, HasSubstr("max_size"));
  EXPECT_THAT(names_in(store("/templates")), ElementsAre(StartsWith("ext4-66m-")));
}

TEST_F(GcCommand, AMisspeltBudgetIsAnErrorWithItsPlace) {
  for (auto const& [line, words] : {std::pair("max_size = \"20\"", "\"20\" is no size"),
                                    {"min_free = \"5g\"", "\"5g\" is no size"},
                                    {"max_age = \"1m\"", "\"1m\" is no age"},
                                    {"keep = [\"ext4/1g\"]", "is no recipe"},
                                    {"max_siz = \"1G\"", "unknown key store.max_siz"}}) {
    auto const output = run({"gc", "--config", config(line)});
    EXPECT_EQ(output.status.describe(), "exit status 1") << line;
    EXPECT_THAT(output.text, AllOf(HasSubstr(words), HasSubstr("config.toml:2:"))) << line;
  }
}

}  // namespace

}  // namespace templatefs::test
