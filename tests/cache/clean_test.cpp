// SPDX-License-Identifier: Apache-2.0
#include "cache/clean.h"

#include "base/error.h"
#include "cache/cache.h"
#include "cache/listing.h"
#include "tests/cache/cache_fixture.h"

#include <atomic>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {
namespace {

using CleanTest = CacheFixture;

TEST_P(CleanTest, RemovesWhatNobodyUsesAndCounts) {
  (void)build("ext4/64M");
  (void)build("ext4/65M");
  auto const result = clean(*store_);
  EXPECT_EQ(result.removed.size(), 2u);
  EXPECT_TRUE(result.in_use.empty());
  EXPECT_EQ(count(layout::kTemplates), 0u);
  EXPECT_EQ(count(layout::kLocks), 2u) << "lock files stay for ever";
}

TEST_P(CleanTest, SkipsWhatIsInUseAlsoInThisProcess) {
  auto const used = build("ext4/64M");
  (void)build("ext4/65M");
  auto const result = clean(*store_);
  EXPECT_EQ(result.in_use, std::vector<std::string>{used.key});
  EXPECT_EQ(result.removed.size(), 1u);
  auto const entries = list_templates(store_->dir());
  ASSERT_EQ(entries.size(), 1u);
  ASSERT_EQ(entries[0].users.size(), 1u);
  EXPECT_EQ(entries[0].users[0].pid, ::getpid());
  EXPECT_EQ(entries[0].manifest->capacity_bytes, 64 << 20);
}

TEST_P(CleanTest, TouchesNothingThatIsNotOurs) {
  ASSERT_EQ(::mkdirat(store_->dir(), "templates/somebody-elses", 0700), 0);
  (void)clean(*store_);
  EXPECT_TRUE(exists("templates/somebody-elses"));
}

/// A clean-up that comes between the look-up and the clone must not pull the template away (CONTRACT D1).
TEST_P(CleanTest, NeverTakesATemplateBetweenLookupAndClone) {
  std::atomic<bool> done = false;
  std::jthread const cleaner([&] {
    while (!done) (void)clean(*store_);
  });
  FanOut fan_out(store_->rung(), FanOutChoice::reflink_only);
  for (int each = 0; each < 100; ++each) {
    auto const pinned = build();
    Fd const image = fan_out.make_image(pinned.image.get(), pinned.bytes, session_->images_dir(),
                                        "clone-" + std::to_string(each));
    EXPECT_TRUE(is_whole(image.get(), request()));
  }
  done = true;
}

TEST_P(CleanTest, TheCacheNoticesWhatWasRemovedOrCutBehindItsBack) {
  Cache cache(*store_, *session_, builder_, 2);
  auto const first = cache.ensure(wish());
  EXPECT_EQ(cache.warm(request()), first);
  ASSERT_EQ(::truncate((store_->path() + "/" + layout::template_image(first->key)).c_str(), 0), 0);
  EXPECT_EQ(cache.warm(request()), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Stores, CleanTest, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
