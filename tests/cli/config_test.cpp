// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/support/leak_check.h"
#include "tests/support/program.h"
#include "tests/support/scoped_variable.h"
#include "tests/support/temp_dir.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>

namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class ConfigFile : public LeakCheck {
 protected:
  /// `templatefs recipes` with this as its configuration.
  CommandOutput recipes(std::string const& text, std::vector<std::string> words = {}) const {
    replace_file(AT_FDCWD, file_, text, 0600, false);
    words.insert(words.begin(), {"recipes", "--config", file_});
    return run_program(words);
  }
  /// The sentence with which this configuration is refused.
  std::string refusal(std::string const& text) const {
    auto const output = recipes(text);
    EXPECT_EQ(output.status.describe(), "exit status 1") << text << "\n" << output.text;
    return output.text;
  }

  TempDir const dir_;
  std::string const file_ = dir_ / "own.toml";
};

TEST_F(ConfigFile, RecipesAreListedWithWhereTheyComeFrom) {
  auto const output = recipes(
      "# a comment\n[recipe.btrfs-dup]\nfilesystem = \"btrfs\"\nmkfs_args = [\"-m\", \"dup\"]\n"
      "[recipe.\"ext4-6.12\"]\nfilesystem = \"ext4\"\nkernel = \"kernels/vmlinuz\"\n",
      {"--json"});
  ASSERT_TRUE(output.status.success()) << output.text;
  auto const document = Json::parse(output.text);
  EXPECT_EQ(document["schema"], "templatefs.recipes/1");
  EXPECT_THAT(document["config"], ElementsAre(file_));
  auto const& all = document["recipes"];
  ASSERT_GE(all.size(), 6u);
  EXPECT_EQ(all[0]["from"], "built in");
  auto const& dup = all[all.size() - 2];
  auto const& ext4 = all[all.size() - 1];
  EXPECT_EQ(dup["name"], "btrfs-dup");
  EXPECT_THAT(dup["mkfs_args"], ElementsAre("-m", "dup"));
  EXPECT_EQ(dup["from"], file_ + ":2");
  EXPECT_EQ(ext4["kernel"], dir_ / "kernels/vmlinuz") << "relative to the file's directory";
  EXPECT_THAT(recipes("[recipe.mine]\nfilesystem = \"raw\"\n").text, HasSubstr(file_ + ":1"));
}

TEST_F(ConfigFile, AnEmptyOneIsValidAndAMissingOneIsNot) {
  EXPECT_TRUE(recipes("").status.success());
  auto const output = run_program({"recipes", "--config", dir_ / "nowhere.toml"});
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, HasSubstr("nowhere.toml"));
}

TEST_F(ConfigFile, EveryMistakeIsNamedWithItsPlace) {
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = \"ext4\"\nmkfs_arg = []\n"),
              AllOf(HasSubstr("own.toml:3:1: unknown key recipe.x.mkfs_arg"),
                    HasSubstr("Did you mean \"mkfs_args\"?")));
  EXPECT_THAT(refusal("[stroe]\n"),
              AllOf(HasSubstr("own.toml:1:2: unknown key stroe"), HasSubstr("\"store\"")));
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = \"btrsf\"\n"),
              AllOf(HasSubstr(":2:14: there is no filesystem \"btrsf\""), HasSubstr("\"btrfs\"")));
  EXPECT_THAT(refusal("[quota]\nimages = 0\n"),
              HasSubstr(":2:10: quota.images is no whole number above zero"));
  EXPECT_THAT(refusal("[quota]\nbytes = 3\n"), HasSubstr(":2:9: quota.bytes is not a string"));
  EXPECT_THAT(refusal("[recipe.x]\n"), AllOf(HasSubstr(":1:"), HasSubstr("needs a filesystem")));
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = 3\n"),
              HasSubstr(":2:14: recipe.x.filesystem is not a string"));
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = \"ext4\"\nmkfs_args = \"-O ^has_journal\"\n"),
              HasSubstr(":3:13: recipe.x.mkfs_args is not an array of strings"));
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = \"ext4\"\nmkfs_args = [1]\n"),
              HasSubstr("not an array of strings"));
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = \"ext4\"\nmkfs_args = [\"a\\u0000b\"]\n"), HasSubstr(":3:"));
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = \"raw\"\nmkfs_args = [\"-q\"]\n"),
              HasSubstr("raw has no formatter"));
  EXPECT_THAT(refusal("[recipe.\"../x\"]\nfilesystem = \"ext4\"\n"), HasSubstr("cannot be a recipe's name"));
  EXPECT_THAT(refusal("[recipe.ext4]\nfilesystem = \"ext4\"\n"),
              AllOf(HasSubstr("own.toml:1"), HasSubstr("built in")));
  EXPECT_THAT(refusal("recipe = 1\n"), HasSubstr(":1:10: recipe is not a table"));
  EXPECT_THAT(refusal("[store]\nsize = \"big\"\n"), HasSubstr(":2:8: \"big\" is no size"));
  EXPECT_THAT(refusal("[guest]\naccelerator = \"hvf\"\n"),
              AllOf(HasSubstr(":2:15:"), HasSubstr("auto, kvm, tcg")));
  EXPECT_THAT(refusal("[recipe.x\n"), HasSubstr("own.toml:1:"));
  EXPECT_THAT(refusal("[recipe.x]\nfilesystem = \"ext4\"\n[recipe.x]\nfilesystem = \"xfs\"\n"),
              HasSubstr(":3:"));
}

TEST_F(ConfigFile, LabelsAndUuidsAreCheckedAgainstTheFilesystem) {
  auto const table = [](std::string const& filesystem, std::string const& line) {
    return "[recipe.x]\nfilesystem = \"" + filesystem + "\"\n" + line + "\n";
  };
  std::string const sixteen(16, 'l');
  EXPECT_THAT(refusal(table("ext4", "label = \"" + sixteen + "l\"")),
              AllOf(HasSubstr(":3:9: the label has 17 bytes"), HasSubstr("ext4 holds 16 at most.")));
  EXPECT_THAT(refusal(table("raw", "label = \"a\"")), HasSubstr(":3:9: raw has no label"));
  for (std::string const wrong :
       {"", "random", "0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7", "2B4D-1A6F",
        "0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7g", "0f6e4f5c08b1a-4f0e-9d5a-2f6f5a3c1b7d",
        "00000000-0000-0000-0000-000000000000"})
    EXPECT_THAT(refusal(table("xfs", "uuid = \"" + wrong + "\"")),
                AllOf(HasSubstr(":3:8: \"" + wrong + "\" is no UUID of xfs"), HasSubstr("per-image")));
  EXPECT_THAT(refusal(table("vfat", "uuid = \"0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7d\"")),
              HasSubstr("\"2B4D-1A6F\""));
  EXPECT_THAT(refusal(table("ntfs", "uuid = \"2B4D-1A6F\"")), HasSubstr(":3:8: mkntfs cannot be told"));
  EXPECT_THAT(refusal(table("raw", "uuid = \"2B4D-1A6F\"")), HasSubstr(":3:8: raw has no UUID"));
  EXPECT_THAT(refusal(table("swap", "uuid = \"per-image\"")),
              AllOf(HasSubstr(":3:8: images of swap cannot get UUIDs of their own"),
                    HasSubstr("These can: btrfs, ext2, ext3, ext4, xfs, f2fs, vfat.")));

  auto const last = [&](std::string const& filesystem, std::string const& lines) {
    auto const output = recipes(table(filesystem, lines), {"--json"});
    EXPECT_TRUE(output.status.success()) << output.text;
    return Json::parse(output.text)["recipes"].back();
  };
  EXPECT_EQ(last("ext4", "label = \"" + sixteen + "\"")["label"], sixteen);
  EXPECT_EQ(last("ext4", "")["uuid"], "template");
  EXPECT_EQ(last("ext4", "uuid = \"template\"")["uuid"], "template");
  EXPECT_EQ(last("ext4", "uuid = \"per-image\"")["uuid"], "per-image");
  EXPECT_EQ(last("swap", "uuid = \"0F6E4F5C-8B1A-4F0E-9D5A-2F6F5A3C1B7D\"")["uuid"],
            "0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7d");
  EXPECT_EQ(last("vfat", "uuid = \"2b4d-1a6f\"")["uuid"], "2B4D-1A6F");
}

TEST_F(ConfigFile, ALaterFileOverridesRecipeByRecipe) {
  make_directories(AT_FDCWD, dir_ / "templatefs", 0700);
  replace_file(AT_FDCWD, dir_ / "templatefs/config.toml",
               "[recipe.a]\nfilesystem = \"ext4\"\n[recipe.b]\nfilesystem = \"xfs\"\n", 0600, false);
  ScopedVariable const home("XDG_CONFIG_HOME", dir_.path());
  auto const document = Json::parse(recipes("[recipe.b]\nfilesystem = \"btrfs\"\n", {"--json"}).text);
  EXPECT_EQ(document["config"].size(), 2u);
  auto const& all = document["recipes"];
  EXPECT_EQ(all[all.size() - 2]["name"], "a");
  EXPECT_EQ(all[all.size() - 1]["filesystem"], "btrfs");
}

TEST_F(ConfigFile, SaysWhereTheStoreIsUnlessAnOptionDoes) {
  replace_file(AT_FDCWD, file_, "[store]\npath = \"here\"\n", 0600, false);
  EXPECT_THAT(run_program({"ls", "--config", file_}).text, HasSubstr(dir_ / "here"));
  EXPECT_THAT(run_program({"ls", "--config", file_, "--store", dir_ / "there"}).text,
              HasSubstr(dir_ / "there"));
  ScopedVariable const config("TEMPLATEFS_CONFIG", file_);
  EXPECT_THAT(run_program({"ls"}).text, HasSubstr(dir_ / "here"));
  ScopedVariable const store("TEMPLATEFS_STORE", dir_ / "elsewhere");
  EXPECT_THAT(run_program({"ls"}).text, HasSubstr(dir_ / "elsewhere"));
}

TEST(Suggestion, AMistypedCommandGetsOne) {
  EXPECT_THAT(run_program({"biuld"}).text, HasSubstr("Did you mean \"build\"?"));
  EXPECT_THAT(run_program({"frobnicate"}).text, HasSubstr("--help"));
}

}  // namespace

}  // namespace templatefs::test
