// SPDX-License-Identifier: Apache-2.0
#include "cache/key.h"

#include "base/error.h"
#include "cache/manifest.h"
#include "tests/support/fake_builder.h"
#include "tests/support/temp_dir.h"

#include <gmock/gmock.h>

namespace templatefs::cache {
namespace {

RecipeBook const book;

TEST(Key, NamesRecipeCapacityAndFingerprint) {
  test::FakeBuilder builder;
  auto const key = make_key(parse_request(book, "btrfs/1G"), builder);
  EXPECT_TRUE(key.name.starts_with("btrfs-1024m-")) << key.name;
  auto const parts = parse_key_name(key.name);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->recipe, "btrfs");
  EXPECT_EQ(parts->mib, 1024);
  EXPECT_EQ(parts->fingerprint.size(), 16u);
}

TEST(Key, EverySpellingOfACapacityIsOneKey) {
  test::FakeBuilder builder;
  EXPECT_EQ(make_key(parse_request(book, "btrfs/1G"), builder).name,
            make_key(parse_request(book, "btrfs/1024M"), builder).name);
}

TEST(Key, ChangesWithEveryInputAndWithNothingElse) {
  test::FakeBuilder builder;
  auto request = parse_request(book, "ext4/256M");
  auto const first = make_key(request, builder).name;
  EXPECT_EQ(make_key(request, builder).name, first);
  builder.formatter_version = "another";
  EXPECT_NE(make_key(request, builder).name, first);
  builder.formatter_version = "mkfs.fake 1";
  Recipe const with_arguments{"ext4", request.recipe->filesystem, {"-O", "^has_journal"}};
  EXPECT_NE(make_key({&with_arguments, request.capacity}, builder).name, first);
}

TEST(Key, HasLabelAndUuidOnlyWhereTheRecipeSaysThem) {
  test::FakeBuilder builder;
  auto const capacity = Capacity::of_mib(256);
  Recipe recipe = *book.find("ext4");
  auto const plain = make_key({&recipe, capacity}, builder);
  for (auto const& field : plain.fields) EXPECT_TRUE(field.field != "label" && field.field != "uuid");
  recipe.own_uuids = true;
  EXPECT_EQ(make_key({&recipe, capacity}, builder).name, plain.name) << "the template is the same";
  recipe.label = "scratch";
  auto const labelled = make_key({&recipe, capacity}, builder);
  EXPECT_EQ(labelled.fields.size(), plain.fields.size() + 1);
  EXPECT_NE(labelled.name, plain.name);
  recipe.uuid = "0f6e4f5c-8b1a-4f0e-9d5a-2f6f5a3c1b7d";
  EXPECT_NE(make_key({&recipe, capacity}, builder).name, labelled.name);
}

TEST(Key, AValueCannotPassForAnotherField) {
  EXPECT_NE(canonical_text({{"a", "1\nb=2"}}), canonical_text({{"a", "1"}, {"b", "2"}}));
  EXPECT_NE(canonical_text({{"a", "%0A"}}), canonical_text({{"a", "\n"}}));
}

TEST(Key, ForeignNamesAreNotKeys) {
  for (char const* const name :
       {"", "x", "btrfs", "btrfs-256m", "btrfs-256m-xyz", "btrfs-m-0123456789abcdef",
        "btrfs-0256m-0123456789abcdef", "-256m-0123456789abcdef", "btrfs-256-0123456789abcdef",
        "btrfs-256m-0123456789ABCDEF", "..", "lost+found"})
    EXPECT_FALSE(parse_key_name(name)) << name;
  EXPECT_EQ(parse_key_name("btrfs-raid-1-256m-0123456789abcdef")->recipe, "btrfs-raid-1");
}

TEST(Recipe, RequestsSayWhatIsWrong) {
  auto const sentence_of = [](char const* text) {
    try {
      (void)parse_request(book, text);
    } catch (Error const& error) {
      EXPECT_EQ(error.err(), ENOENT);
      return error.sentence();
    }
    return std::string();
  };
  EXPECT_NE(sentence_of("zfs/256M").find("btrfs"), std::string::npos);
  EXPECT_NE(sentence_of("btrfs/256").find("256M"), std::string::npos);
  EXPECT_NE(sentence_of("btrfs").find("256M"), std::string::npos);
  EXPECT_THROW(require_possible(parse_request(book, "xfs/256M")), Error);
  EXPECT_NO_THROW(require_possible(parse_request(book, "raw/1M")));
}

TEST(Recipe, AutoIsTheCapacityThatSuitsItsSeed) {
  test::TempDir const seed;
  Recipe recipe = *book.find("ext4");
  recipe.name = "rootfs";
  recipe.seed = vm::Seed{vm::Seed::Kind::directory, seed.path()};
  RecipeBook const own({recipe});
  EXPECT_EQ(parse_request(own, "rootfs/auto").path(), "rootfs/512M");
  EXPECT_EQ(auto_target(*own.find("rootfs")), "512M");
  EXPECT_FALSE(has_auto(*own.find("ext4")));
  try {
    (void)parse_request(own, "ext4/auto");
    FAIL();
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), ENOENT);
    EXPECT_THAT(error.sentence(), testing::HasSubstr("a recipe with a seed"));
  }
}

TEST(Recipe, EachHasItsLimits) {
  auto const sentence_of = [](TemplateRequest const& request) {
    try {
      require_possible(request);
    } catch (Error const& error) {
      EXPECT_EQ(error.err(), EINVAL);
      return error.sentence();
    }
    return std::string();
  };
  for (auto const* const each : book.all()) {
    auto const& recipe = *each;
    auto const minimum = recipe.filesystem->minimum_bytes / Capacity::kMiB;
    auto const maximum = recipe.filesystem->maximum_bytes / Capacity::kMiB;
    EXPECT_EQ(sentence_of({&recipe, Capacity::of_mib(minimum)}), "") << recipe.name;
    EXPECT_EQ(sentence_of({&recipe, Capacity::of_mib(maximum)}), "") << recipe.name;
    if (minimum > 1) {
      EXPECT_NE(sentence_of({&recipe, Capacity::of_mib(minimum - 1)}), "") << recipe.name;
    }
    if (recipe.filesystem->maximum_bytes != vm::Filesystem::kNoMaximum) {
      EXPECT_NE(sentence_of({&recipe, Capacity::of_mib(maximum + 1)}), "") << recipe.name;
    }
  }
  EXPECT_THAT(sentence_of(parse_request(book, "vfat/3T")),
              testing::AllOf(testing::HasSubstr("vfat cannot be made in 3T: mkfs.vfat fills at most 2T"),
                             testing::HasSubstr("Use vfat/2T or smaller.")));
}

TEST(Recipe, ArgumentsOfItsOwnLeaveTheLimitsToTheFormatter) {
  auto mixed = *book.find("btrfs");
  mixed.arguments = {"--mixed"};
  EXPECT_NO_THROW(require_possible({&mixed, Capacity::of_mib(16)}));
}

TEST(Manifest, ReadsWhatItWrote) {
  Manifest manifest;
  manifest.key = "ext4-64m-0123456789abcdef";
  manifest.recipe = manifest.filesystem = "ext4";
  manifest.capacity_bytes = 64 << 20;
  manifest.report = {"tcg", "6.1.0", "mke2fs 1.47\xff", true, {{"boot", 1.5}}, "why not"};
  manifest.fields = {{"a", "1\n2"}, {"b", "\"quoted\""}};
  auto const read = Manifest::from_json(manifest.to_json());
  EXPECT_EQ(read.key, manifest.key);
  EXPECT_EQ(read.capacity_bytes, manifest.capacity_bytes);
  EXPECT_EQ(read.report.kernel, "6.1.0");
  EXPECT_EQ(read.report.phases, manifest.report.phases);
  EXPECT_EQ(read.report.not_mounted, "why not");
  ASSERT_EQ(read.fields.size(), 2u);
  EXPECT_EQ(read.fields[0].value, "1\n2");
  EXPECT_THROW(Manifest::from_json("{"), Error);
  EXPECT_THROW(Manifest::from_json("{}"), Error);
  EXPECT_THROW(Manifest::from_json("[1]"), Error);
}

}  // namespace
}  // namespace templatefs::cache
