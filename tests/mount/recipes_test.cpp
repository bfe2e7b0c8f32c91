// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/mounted_image.h"
#include "vm/filesystem.h"

#include <gmock/gmock.h>

#include <unistd.h>

// Recipes of one's own, from a configuration file to the disk.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kLimit(20);

class OwnRecipes : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
  void configure(std::string const& text) const { replace_file(AT_FDCWD, file_, text, 0600, false); }
  /// "LABEL" or "UUID", as any other program would find it.
  static std::string superblock_says(std::string const& what, std::string const& image) {
    return run_command({"/usr/sbin/blkid", "-p", "-o", "value", "-s", what, image}, Deadline::after(kLimit))
        .text;
  }
  static std::string label_of(std::string const& image) {
    return run_command({"e2label", image}, Deadline::after(kLimit)).text;
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
  configure("[recipe.mine]\nfilesystem = \"ext4\"\nlabel = \"new\"\nuuid = \"per-image\"\n");
  EXPECT_THAT(with({"why", "mine/16M"}).text,
              AllOf(HasSubstr("label: \"\" then, \"new\" now"), Not(HasSubstr("uuid"))));
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

TEST_F(OwnRecipes, ImagesWithUuidsOfTheirOwnMountSideBySide) {
  configure("[recipe.own]\nfilesystem = \"btrfs\"\nlabel = \"mine\"\nuuid = \"per-image\"\n");
  MountedStore const mount(kOnXfs, {"--config", file_});
  std::vector<std::string> const images{mount / "own/128M/a.img", mount / "own/128M/b.img"};
  for (auto const& image : images) {
    ASSERT_EQ(open_outcome(image, O_RDWR), "ok") << mount.daemon().output();
    EXPECT_EQ(superblock_says("LABEL", image), "mine\n");
  }
  auto const first = superblock_says("UUID", images[0]);
  EXPECT_NE(superblock_says("UUID", images[1]), first);
  {
    MountedImage const a(images[0], "btrfs", dir_ / "a");
    MountedImage const b(images[1], "btrfs", dir_ / "b");
    replace_file(AT_FDCWD, a.path() + "/file", "in a", 0600, true);
    replace_file(AT_FDCWD, b.path() + "/file", "in b", 0600, true);
    EXPECT_EQ(read_file(AT_FDCWD, a.path() + "/file"), "in a");
  }
  EXPECT_EQ(superblock_says("UUID", images[0]), first) << "opened again it is the same disk";
  for (auto const& image : images) {
    auto const check = run_command({"btrfs", "check", "--readonly", image}, Deadline::after(kLimit));
    EXPECT_TRUE(check.status.success()) << check.text;
  }
}

TEST_F(OwnRecipes, LabelAndUuidReachEachFilesystem) {
  std::string const uuid = "0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7d";
  std::string text;
  std::vector<std::string> names;
  for (auto const& filesystem : vm::filesystems()) {
    if (filesystem.label_option.empty()) continue;
    names.emplace_back(filesystem.name);
    text += "[recipe.my-" + names.back() + "]\nfilesystem = \"" + names.back() + "\"\nlabel = \"A-LABEL\"\n";
    if (filesystem.uuid_option.empty()) continue;
    bool const is_serial = filesystem.uuid_form == vm::UuidForm::serial;
    text += "uuid = \"" + (is_serial ? "2b4d-1a6f" : uuid) + "\"\n";
  }
  configure(text);
  MountedStore const mount(kOnXfs, {"--config", file_});
  for (auto const& name : names) {
    std::string const image = mount / ("my-" + name + "/512M/a.img");
    ASSERT_EQ(open_outcome(image, O_RDWR), "ok") << mount.daemon().output();
    EXPECT_EQ(superblock_says("LABEL", image), "A-LABEL\n") << name;
    if (vm::find_filesystem(name)->uuid_option.empty()) continue;
    EXPECT_EQ(superblock_says("UUID", image), name == "vfat" ? "2B4D-1A6F\n" : uuid + "\n") << name;
  }
}

TEST_F(OwnRecipes, AnImageThatCannotGetItsOwnUuidIsNotThere) {
  configure(
      "[recipe.bound]\nfilesystem = \"ext4\"\nmkfs_args = [\"-O\", \"^metadata_csum,uninit_bg\"]\n"
      "uuid = \"per-image\"\n");
  MountedStore const mount(kOnXfs, {"--config", file_});
  EXPECT_EQ(open_outcome(mount / "bound/16M/a.img", O_RDWR), "EOPNOTSUPP");
  EXPECT_EQ(open_outcome(mount / "bound/16M/a.img", O_RDWR), "EOPNOTSUPP") << "the template being there";
  EXPECT_THAT(names_in(mount / "bound/16M"), ::testing::IsEmpty());
  EXPECT_EQ(stat_of(mount / "bound/16M/a.img").st_blocks, 0);
  EXPECT_THAT(run_program({"why", mount / "bound/16M/a.img"}).text,
              AllOf(HasSubstr("uninit_bg"), HasSubstr("Add -O ^uninit_bg")));
  // What is to be overwritten anyway needs none.
  EXPECT_EQ(open_outcome(mount / "bound/16M/a.img", O_RDWR | O_TRUNC), "ok");
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
