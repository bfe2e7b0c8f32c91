// SPDX-License-Identifier: Apache-2.0
#include "cache/stored_recipe.h"

#include "tests/cache/stored_fixture.h"
#include "tests/support/err_of.h"

#include <gmock/gmock.h>

#include <unistd.h>

namespace templatefs::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

StoredRecipe example() {
  StoredRecipe recipe;
  recipe.name = "debian-13";
  recipe.key = "image-2049m-0123456789abcdef";
  recipe.bytes = (std::int64_t{2} << 30) + 4096;
  recipe.filesystem = "ext4";
  recipe.kind = "import";
  recipe.origin = "/images/debian 13.qcow2";
  recipe.made_at_ms = 1'700'000'000'123;
  recipe.lineage = R"({"format":"qcow2","of":{"b":1,"a":[2]}})";
  return recipe;
}

TEST(StoredRecipe, ReadsWhatItWrote) {
  auto const recipe = StoredRecipe::from_json(example().to_json());
  EXPECT_EQ(recipe.to_json(), example().to_json());
  EXPECT_EQ(recipe.lineage, example().lineage) << "its order of fields too";
  EXPECT_EQ(recipe.bytes, example().bytes);
  EXPECT_EQ(recipe.to_recipe().filesystem->name, "ext4");
  EXPECT_EQ(recipe.to_recipe().origin, "imported from /images/debian 13.qcow2");
}

TEST(StoredRecipe, OneWithoutAKnownFilesystemIsRaw) {
  for (char const* const name : {"", "zfs"}) {
    auto recipe = example();
    recipe.filesystem = name;
    EXPECT_EQ(recipe.to_recipe().filesystem->name, "raw");
  }
}

TEST(StoredRecipe, RefusesWhatIsNoneOrLeadsOutOfTheStore) {
  auto const err_with = [](std::function<void(StoredRecipe&)> const& spoil) {
    auto recipe = example();
    spoil(recipe);
    return test::err_of([&] { (void)StoredRecipe::from_json(recipe.to_json()); });
  };
  EXPECT_EQ(err_with([](auto&) {}), 0);
  for (char const* const key :
       {"", "../../etc", "image-../x-1m-0123456789abcdef", "ext4-64m-0123456789abcdef"})
    EXPECT_EQ(err_with([&](auto& recipe) { recipe.key = key; }), EBADMSG) << key;
  EXPECT_EQ(err_with([](auto& recipe) { recipe.name = "../x"; }), EBADMSG);
  EXPECT_EQ(err_with([](auto& recipe) { recipe.bytes = 0; }), EBADMSG);
  auto text = example().to_json();
  EXPECT_EQ(test::err_of([&] { (void)StoredRecipe::from_json(text.substr(0, text.size() / 2)); }), EBADMSG);
  text.replace(text.find("recipe/1"), 8, "recipe/2");
  EXPECT_EQ(test::err_of([&] { (void)StoredRecipe::from_json(text); }), EBADMSG);
}

class StoredRecipesTest : public StoredFixture {};

TEST_P(StoredRecipesTest, AreSeenAsTheyComeChangeAndGo) {
  EXPECT_EQ(stored_->find("mine"), nullptr);
  store_text("one", new_image("mine"));
  auto const* const first = stored_->find("mine");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(stored_->find("mine"), first) << "an unchanged one stays the same object";
  auto const key = first->stored->key;
  store_text("two", new_image("mine", "", true));
  auto const* const second = stored_->find("mine");
  ASSERT_NE(second, first);
  EXPECT_NE(second->stored->key, key);
  EXPECT_EQ(first->stored->key, key) << "whoever has the old one keeps it";
  (void)forget_recipe(*store_, *session_, "mine");
  EXPECT_EQ(stored_->find("mine"), nullptr);
}

TEST_P(StoredRecipesTest, ADamagedOneIsAnErrorWithARemedyAndHidesNoOther) {
  store_text("one", new_image("good"));
  write_recipe_file("torn", "{\"schema\": \"templatefs.rec");
  try {
    (void)stored_->find("torn");
    FAIL() << "it was read";
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), EIO);
    EXPECT_THAT(error.sentence(), HasSubstr("templatefs forget torn"));
  }
  auto const all = stored_->all();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]->name, "good");
  EXPECT_THAT(stored_recipe_names(store_->dir()), ElementsAre("good", "torn"));
  EXPECT_EQ(forget_recipe(*store_, *session_, "torn").fate, Forgotten::Template::unknown);
  EXPECT_EQ(stored_->find("torn"), nullptr);
}

TEST_P(StoredRecipesTest, AFileUnderAnotherNameIsDamage) {
  store_text("one", new_image("good"));
  write_recipe_file("other", read_file(store_->dir(), layout::stored_recipe("good")));
  EXPECT_EQ(test::err_of([&] { (void)stored_->find("other"); }), EIO);
}

TEST_P(StoredRecipesTest, BuiltInAndConfiguredNamesComeFirst) {
  store_text("one", new_image("mine"));
  auto configured = *book_.find("ext4");
  configured.name = "mine";
  RecipeBook const book({configured}, stored_);
  EXPECT_FALSE(book.find("mine")->stored);
  EXPECT_EQ(book.all().size(), book_.all().size() + 1);
  EXPECT_EQ(book_with_stored_->all().back()->name, "mine");
  EXPECT_TRUE(book_with_stored_->find("mine")->stored);
  EXPECT_EQ(test::err_of([&] { require_free_name(*store_, book, "mine", true); }), EEXIST);
  EXPECT_EQ(test::err_of([&] { require_free_name(*store_, book, "ext4", true); }), EEXIST);
  EXPECT_EQ(test::err_of([&] { require_free_name(*store_, book_, "mine", false); }), EEXIST);
  EXPECT_EQ(test::err_of([&] { require_free_name(*store_, book_, "mine", true); }), 0);
  EXPECT_EQ(test::err_of([&] { require_free_name(*store_, book_, "a/b", true); }), EINVAL);
}

TEST_P(StoredRecipesTest, NoConfiguredRecipeHasTheKeysOfStoredOnes) {
  auto configured = *book_.find("ext4");
  configured.name = "image";
  EXPECT_EQ(test::err_of([&] { RecipeBook const book({configured}); }), EINVAL);
}

TEST_P(StoredRecipesTest, ARequestIsNativeOrAnyCapacityThatIsNotSmaller) {
  store_text("one", new_image("mine"));  // 3 MiB
  auto const native = stored_request("mine/native");
  EXPECT_EQ(native.path(), "mine/native");
  EXPECT_EQ(native.bytes(), 3 << 20);
  auto const larger = stored_request("mine/1G");
  EXPECT_EQ(larger.bytes(), 1 << 30);
  EXPECT_EQ(larger.template_bytes(), 3 << 20);
  for (char const* const fits : {"mine/native", "mine/3M", "mine/1G"})
    EXPECT_EQ(test::err_of([&] { require_possible(stored_request(fits)); }), 0) << fits;
  try {
    require_possible(stored_request("mine/2M"));
    FAIL() << "it was shrunk";
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), EINVAL);
    EXPECT_THAT(error.sentence(), HasSubstr("Use mine/native, or mine/3M and larger."));
  }
  EXPECT_EQ(test::err_of([&] { (void)stored_request("ext4/native"); }), ENOENT);
}

TEST_P(StoredRecipesTest, AnOldStoreGetsTheDirectory) {
  ASSERT_EQ(::unlinkat(store_->dir(), layout::kRecipes, AT_REMOVEDIR), 0);
  EXPECT_THAT(stored_->all(), IsEmpty());
  EXPECT_EQ(stored_->find("mine"), nullptr);
  auto const again = Store::open({store_->path(), {}, FanOutChoice::automatic});
  EXPECT_TRUE(exists(layout::kRecipes));
}

INSTANTIATE_TEST_SUITE_P(Stores, StoredRecipesTest, ::testing::Values("xfs"));

}  // namespace
}  // namespace templatefs::cache
