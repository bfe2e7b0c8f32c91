// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "tests/support/leak_check.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <csignal>
#include <sstream>

#include <gmock/gmock.h>

#include <fcntl.h>

namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class CompletionWords : public LeakCheck {
 protected:
  /// What `templatefs __complete` prints; it never fails.
  std::vector<std::string> ask(std::vector<std::string> words) const {
    words.insert(words.begin(), "__complete");
    auto const output = run_program(words);
    EXPECT_TRUE(output.status.success()) << output.text;
    std::istringstream in(output.text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  std::vector<std::string> ask(std::string const& what, std::string const& prefix,
                               std::vector<std::string> const& more = {}) const {
    std::vector<std::string> words{what, prefix, "--", "command", "--store", store_};
    words.insert(words.end(), more.begin(), more.end());
    return ask(words);
  }

  TempDir const dir_;
  std::string const store_ = dir_ / "store";
};

void write_an_image(std::string const& path) {
  Fd const image = open_at(AT_FDCWD, path, O_RDWR);
  write_all(image.get(), "mine", path);
}

TEST_F(CompletionWords, AreThoseOfMountsAndOfTheirImages) {
  Daemon const daemon(store_, {"--builder", "host", "--fanout", "copy"});
  auto const image = daemon / "raw/1M/a=b:c.img";
  write_an_image(image);
  write_an_image(daemon / "raw/1M/s.d/TEST.img");
  EXPECT_THAT(ask("mounts", ""), Contains(daemon.mount_point()));
  EXPECT_THAT(ask("images", daemon / "raw/1M/a"), ElementsAre(image));
  EXPECT_THAT(ask("images", daemon / "raw/1M/s"), ElementsAre(daemon / "raw/1M/s.d/TEST.img"));
  EXPECT_THAT(ask("pins", ""), IsEmpty());
  ASSERT_TRUE(run_program({"pin", image}).status.success());
  EXPECT_THAT(ask("pins", ""), ElementsAre(image));
  for (auto const& each : {image, daemon / "raw/1M/s.d/TEST.img"}) {
    EXPECT_THAT(ask("snapshots", "", {each}), IsEmpty());
    ASSERT_TRUE(run_program({"snapshot", each, "clean"}).status.success());
    EXPECT_THAT(ask("snapshots", "", {each}), ElementsAre("clean"));
    EXPECT_THAT(ask("snapshots", "x", {each}), IsEmpty());
  }
}

TEST_F(CompletionWords, AreThereWhenTheDaemonIsStuckOrDead) {
  Daemon daemon(store_, {"--builder", "host", "--fanout", "copy"});
  auto const image = daemon / "raw/1M/a.img";
  write_an_image(image);
  daemon.signal(SIGSTOP);
  EXPECT_THAT(ask("images", daemon / "raw/"), ElementsAre(image));
  EXPECT_THAT(ask("snapshots", "", {image}), IsEmpty());
  daemon.signal(SIGCONT);
  daemon.kill(false);
  EXPECT_THAT(ask("mounts", daemon.mount_point()), ElementsAre(daemon.mount_point()));
  EXPECT_THAT(ask("images", daemon / "raw/"), ElementsAre(image));
}

TEST_F(CompletionWords, MakeNoStoreAndSayNothingOfWhatIsWrong) {
  EXPECT_THAT(ask("keys", ""), IsEmpty());
  EXPECT_FALSE(open_at_if_exists(AT_FDCWD, store_, O_RDONLY)) << "it was made";
  EXPECT_THAT(ask({}), IsEmpty());
  EXPECT_THAT(ask("horoscopes", ""), IsEmpty());
  auto const config = dir_ / "config.toml";
  replace_file(AT_FDCWD, config, "[recipe.mine]\nfilesystem = \"ext4\"\n", 0600, false);
  EXPECT_THAT(ask("recipes", "m", {"--config", config}), ElementsAre("mine"));
  EXPECT_THAT(ask("templates", "mine/25", {"--config=" + config}), ElementsAre("mine/256M"));
  replace_file(AT_FDCWD, config, "[recipe.mine", 0600, false);
  EXPECT_THAT(ask("recipes", "bt", {"--config", config}), ElementsAre("btrfs"));
}

TEST_F(CompletionWords, AreCapacitiesThatCanBe) {
  EXPECT_THAT(ask("templates", "btrfs/"), AllOf(Contains("btrfs/256M"), Not(Contains("btrfs/64M"))));
  EXPECT_THAT(ask("templates", "ext4/6"), ElementsAre("ext4/64M"));
  EXPECT_THAT(ask("templates", "xf"), ElementsAre("xfs/"));
}

}  // namespace

}  // namespace templatefs::test
