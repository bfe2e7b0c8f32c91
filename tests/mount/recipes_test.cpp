// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <gmock/gmock.h>

#include <unistd.h>

// Recipes of one's own, from a configuration file to the disk.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class OwnRecipes : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
  void configure(std::string const& text) const { replace_file(AT_FDCWD, file_, text, 0600, false); }
  static std::string label_of(std::string const& image) {
    return run_command({"e2label", image}, Deadline::after(std::chrono::seconds(20))).text;
  }

  TempDir const dir_;
  std::string const file_ = dir_ / "recipes.toml";
};

TEST_F(OwnRecipes, TheirArgumentsReachTheFormatterAsTheyAre) {
  // What a shell would take apart.
  configure("[recipe.\"labelled.1\"]\nfilesystem = \"ext4\"\nmkfs_args = [\"-L\", \"a $(id) 'b'\"]\n");
  MountedStore const mount(kOnXfs, {"--config", file_});
  EXPECT_THAT(names_in(mount.mount_point()), Contains("labelled.1"));
  std::string const image = mount / "labelled.1/16M/a.img";
  ASSERT_EQ(open_outcome(image, O_RDWR), "ok") << mount.daemon().output();
  EXPECT_EQ(label_of(image), "a $(id) 'b'\n");
  ASSERT_EQ(open_outcome(mount / "ext4/16M/a.img", O_RDWR), "ok");
  EXPECT_EQ(label_of(mount / "ext4/16M/a.img"), "\n");
  EXPECT_EQ(status_of(mount.mount_point())["config"][0], file_);
}

TEST_F(OwnRecipes, AChangeIsAnotherTemplateAndWhySaysWhichFieldChanged) {
  configure("[recipe.mine]\nfilesystem = \"ext4\"\nmkfs_args = [\"-L\", \"old\"]\n");
  LoopFilesystem const filesystem("xfs");
  std::string const store = filesystem / "store";
  std::vector<std::string> const common{"--config", file_, "--store", store, "--builder", "host"};
  auto const with = [&](std::vector<std::string> words) {
    words.insert(words.end(), common.begin(), common.end());
    return run_program(words);
  };
  ASSERT_TRUE(with({"build", "mine/16M"}).status.success());
  EXPECT_THAT(with({"why", "mine/16M"}).text, AllOf(HasSubstr("built 2"), Not(HasSubstr("then"))));
  configure("[recipe.mine]\nfilesystem = \"ext4\"\nmkfs_args = [\"-L\", \"new\"]\n");
  EXPECT_THAT(with({"why", "mine/16M"}).text,
              AllOf(HasSubstr("not built yet"), HasSubstr("arguments: \"[\"-L\",\"old\"]\" then")));
  EXPECT_THAT(with({"build", "mine/16M"}).text, HasSubstr("built in"));
}

TEST_F(OwnRecipes, WhyKnowsTheMountsRecipesWithoutBeingToldTheFile) {
  configure("[recipe.mine]\nfilesystem = \"ext4\"\nmkfs_args = [\"-O\", \"no_such_feature\"]\n");
  MountedStore const mount(kOnXfs, {"--config", file_});
  EXPECT_EQ(open_outcome(mount / "mine/16M/a.img", O_RDWR), "EIO");
  EXPECT_THAT(run_program({"why", mount / "mine/16M/a.img"}).text,
              AllOf(HasSubstr("EIO"), HasSubstr("no_such_feature"), Not(HasSubstr("no recipe"))));
}

TEST_F(OwnRecipes, AKernelOfItsOwnIsThatRecipesAlone) {
  configure("[recipe.elsewhere]\nfilesystem = \"ext4\"\nkernel = \"vmlinuz-none\"\n");
  LoopFilesystem const filesystem("xfs");
  Daemon const daemon(filesystem / "store", {"--config", file_});
  EXPECT_EQ(open_outcome(daemon / "elsewhere/16M/a.img", O_RDWR), "ENOPKG");
  EXPECT_THAT(run_program({"why", daemon / "elsewhere/16M/a.img"}).text, HasSubstr(dir_ / "vmlinuz-none"));
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok") << daemon.output();
}

TEST_F(OwnRecipes, AMistakeStopsTheMountOnTheTerminal) {
  configure("[recipe.mine]\nfilesystem = \"ext4\"\nkernels = \"x\"\n");
  auto const output = run_program({"mount", "--config", file_, "--store", dir_ / "store", dir_ / "mnt"});
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, HasSubstr("recipes.toml:3:1: unknown key recipe.mine.kernels"));
  EXPECT_EQ(::access((dir_ / "store").c_str(), F_OK), -1) << "nothing is done";
}

}  // namespace

}  // namespace templatefs::test
