// SPDX-License-Identifier: Apache-2.0
#include "cache/store_image.h"

#include "cache/clean.h"
#include "cache/listing.h"
#include "tests/cache/stored_fixture.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include <unistd.h>

namespace templatefs::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreImage : public StoredFixture {
 protected:
  CleanResult clean_up() { return clean(*store_); }
};

TEST_P(StoreImage, IsClonedAtOnceNativeAndGrown) {
  auto const stored = store_text("hello", new_image("mine"));
  EXPECT_THAT(stored.key, ::testing::MatchesRegex("image-3m-[0-9a-f]{16}"));
  EXPECT_EQ(staged(), 0u);
  Cache cache(*store_, *session_, builder_, 1);
  for (auto const& [text, bytes] : {std::pair("mine/native", std::int64_t{3} << 20), {"mine/1G", 1 << 30}}) {
    auto const request = stored_request(text);
    auto const pinned = cache.ensure(wish_for(request));
    Fd const image = cache.make_image(*pinned, request, session_->images_dir(), std::to_string(bytes));
    struct stat st {};
    ASSERT_EQ(::fstat(image.get(), &st), 0);
    EXPECT_EQ(st.st_size, bytes);
    EXPECT_EQ(text_of(image, 5), "hello");
    EXPECT_EQ(cache.warm(request), pinned);
  }
  EXPECT_EQ(builder_.builds, 0);
  EXPECT_EQ(count(layout::kTemplates), 1u);
  store_text("other", new_image("mine", "", true));
  auto const request = stored_request("mine/native");
  EXPECT_EQ(cache.warm(request), nullptr) << "it is another recipe now";
  auto const other = cache.ensure(wish_for(request));
  EXPECT_EQ(text_of(other->image, 5), "other");
}

TEST_P(StoreImage, SaysInTheManifestWhereItIsFrom) {
  auto const stored = store_text("hello", new_image("mine", "digest"));
  auto const entries = list_templates(store_->dir());
  ASSERT_EQ(entries.size(), 1u);
  ASSERT_TRUE(entries[0].manifest) << entries[0].problem;
  EXPECT_EQ(entries[0].manifest->lineage, R"({"kind":"import","origin":"/images/mine","format":"qcow2"})");
  EXPECT_EQ(entries[0].manifest->content_sha256, "digest");
  EXPECT_EQ(entries[0].manifest->capacity_bytes, stored.bytes);
  EXPECT_GT(entries[0].manifest->allocated_bytes, 0);
  EXPECT_THAT(entries[0].names, ElementsAre("mine"));
}

TEST_P(StoreImage, KnowsTheFilesystemInIt) {
  auto const& ext4 = *vm::find_filesystem("ext4");
  auto const entry = stage("x");
  {
    Fd const image = open_at(session_->staging_dir(), entry + "/" + layout::kImage, O_RDWR);
    ASSERT_EQ(::pwrite(image.get(), ext4.magic.data(), ext4.magic.size(), ext4.magic_offset),
              static_cast<ssize_t>(ext4.magic.size()));
  }
  EXPECT_EQ(store_image(*store_, *session_, entry, new_image("mine")).filesystem, "ext4");
  EXPECT_EQ(store_text("x", new_image("blank")).filesystem, "");
}

TEST_P(StoreImage, IsPaddedToWholeBlocksAndNamedByWholeMebibytes) {
  auto const stored = store_image(*store_, *session_, stage("x", (1 << 20) + 1), new_image("mine"));
  EXPECT_EQ(stored.bytes, (1 << 20) + 4096);
  EXPECT_THAT(stored.key, HasSubstr("image-2m-"));
  EXPECT_EQ(pin("mine/native").bytes, (1 << 20) + 4096);
  auto const empty = stage("", 0);
  EXPECT_THROW(store_image(*store_, *session_, empty, new_image("empty")), Error);
}

TEST_P(StoreImage, TheSameContentIsStoredOnceUnderAllItsNames) {
  auto const first = store_text("same", new_image("one", "digest"));
  auto const pinned = pin("one/native");  // somebody uses it: nobody gets it exclusively
  auto const second = store_text("same", new_image("two", "digest"));
  EXPECT_EQ(first.key, second.key);
  EXPECT_EQ(count(layout::kTemplates), 1u);
  EXPECT_EQ(staged(), 0u);
  EXPECT_THAT(names_of_template(store_->dir(), first.key), ElementsAre("one", "two"));
  EXPECT_NE(store_text("other", new_image("three", "other digest")).key, first.key);
  EXPECT_NE(store_text("same", new_image("four")).key, first.key)
      << "without a digest it is unlike any other";
}

TEST_P(StoreImage, ATakenNameIsRefusedAndNothingIsLeft) {
  auto const first = store_text("one", new_image("mine"));
  EXPECT_EQ(errno_of_storing("two", new_image("mine")), EEXIST);
  EXPECT_EQ(count(layout::kTemplates), 1u);
  EXPECT_EQ(read_stored_recipe(store_->dir(), "mine").key, first.key);
}

TEST_P(StoreImage, AReplacedTemplateGoesWithItsLastUser) {
  store_text("one", new_image("mine"));
  store_text("two", new_image("mine", "", true));
  EXPECT_EQ(count(layout::kTemplates), 1u) << "nobody used it";
  {
    auto const used = pin("mine/native");
    store_text("three", new_image("mine", "", true));
    EXPECT_EQ(count(layout::kTemplates), 2u);
    EXPECT_THAT(clean_up().in_use, ElementsAre(used.key));
  }
  EXPECT_EQ(clean_up().removed.size(), 1u);
  EXPECT_EQ(text_of(pin("mine/native").image, 5), "three");
}

TEST_P(StoreImage, CleanKeepsWhatNothingCouldMakeAgain) {
  auto const stored = store_text("one", new_image("mine"));
  (void)build("ext4/64M");
  auto result = clean_up();
  EXPECT_THAT(result.kept, ElementsAre(stored.key));
  EXPECT_EQ(result.removed.size(), 1u);
  // As a process leaves it that dies before the name is written.
  ASSERT_EQ(::unlinkat(store_->dir(), layout::stored_recipe("mine").c_str(), 0), 0);
  result = clean_up();
  EXPECT_THAT(result.removed, ElementsAre(stored.key));
  EXPECT_THAT(result.kept, IsEmpty());
}

TEST_P(StoreImage, CleanGuessesNothingFromADamagedName) {
  auto const stored = store_text("one", new_image("mine"));
  write_recipe_file("mine", "");
  EXPECT_THAT(clean_up().kept, ElementsAre(stored.key));
  EXPECT_EQ(forget_recipe(*store_, *session_, "mine").fate, Forgotten::Template::unknown);
  EXPECT_THAT(clean_up().removed, ElementsAre(stored.key));
}

TEST_P(StoreImage, IsForgottenWithItsLastName) {
  auto const stored = store_text("same", new_image("one", "digest"));
  store_text("same", new_image("two", "digest"));
  auto const first = forget_recipe(*store_, *session_, "one");
  EXPECT_EQ(first.fate, Forgotten::Template::named);
  EXPECT_THAT(first.other_names, ElementsAre("two"));
  EXPECT_EQ(pin("two/native").key, stored.key);
  EXPECT_EQ(forget_recipe(*store_, *session_, "two").fate, Forgotten::Template::removed);
  EXPECT_EQ(count(layout::kTemplates), 0u);
  EXPECT_EQ(count(layout::kRecipes), 0u);
  EXPECT_THROW(forget_recipe(*store_, *session_, "two"), Error);
  EXPECT_THROW(forget_recipe(*store_, *session_, "../FORMAT"), Error);
}

TEST_P(StoreImage, ForgottenInUseItGoesWithTheNextClean) {
  store_text("one", new_image("mine"));
  {
    auto const used = pin("mine/native");
    EXPECT_EQ(forget_recipe(*store_, *session_, "mine").fate, Forgotten::Template::in_use);
    EXPECT_EQ(text_of(used.image, 3), "one");
  }
  EXPECT_EQ(clean_up().removed.size(), 1u);
}

TEST_P(StoreImage, WithoutItsTemplateItSaysHowToMendIt) {
  auto const stored = store_text("one", new_image("mine"));
  auto const sentence = [&] {
    try {
      (void)pin("mine/native");
    } catch (Error const& error) {
      EXPECT_EQ(error.err(), EIO);
      return error.sentence();
    }
    return std::string("nothing was wrong");
  };
  ASSERT_EQ(::truncate((store_->path() + "/" + layout::template_image(stored.key)).c_str(), 4096), 0);
  EXPECT_THAT(sentence(), HasSubstr("--replace"));
  remove_tree(store_->dir(), layout::template_dir(stored.key));
  EXPECT_THAT(sentence(), HasSubstr(stored.key));
  store_text("two", new_image("mine", "", true));
  EXPECT_EQ(text_of(pin("mine/native").image, 3), "two");
}

TEST_P(StoreImage, ManyAtOnceStoreTheSameContentOnceAndNoCleanComesBetween) {
  std::atomic<bool> done = false;
  std::jthread cleaner([&] {
    while (!done) (void)clean_up();
  });
  {
    std::vector<std::jthread> threads;
    for (int each = 0; each < 6; ++each)
      threads.emplace_back([&, each] {
        std::string const name = "name-" + std::to_string(each);
        auto const session = Session::create(store_->dir(), "test", name);
        for (int round = 0; round < 10; ++round) {
          (void)store_image(*store_, session, stage_in(session, "same"), new_image(name, "digest", true));
          EXPECT_EQ(text_of(pin(name + "/native").image, 4), "same");
          if (round % 3 == 0) (void)forget_recipe(*store_, session, name);
        }
      });
  }
  done = true;
  cleaner.join();
  (void)clean_up();
  EXPECT_EQ(count(layout::kTemplates), 0u) << "all were forgotten in the last round";
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreImage, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
