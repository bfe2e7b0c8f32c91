// SPDX-License-Identifier: Apache-2.0
#include "cache/verify.h"

#include "cache/cache.h"
#include "cache/clean.h"
#include "cache/listing.h"
#include "cache/quarantine.h"
#include "tests/cache/stored_fixture.h"
#include "tests/support/wait_until.h"

#include <atomic>
#include <latch>
#include <thread>

#include <gmock/gmock.h>

namespace templatefs::cache {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VerifyTest : public StoredFixture {
 protected:
  Verified verify(std::string const& key, Depth depth = Depth::full,
                  std::function<void(std::string_view, std::int64_t, std::int64_t)> listener = {}) {
    return verify_template(*store_, *session_, key, depth,
                           {Deadline::after(std::chrono::seconds(30)), {}, std::move(listener)});
  }
  std::string built_key(std::string_view text = "ext4/64M") { return build(text).key; }
  void damage(std::string const& key, off_t at = 1 << 19) {
    Fd const image = open_at(store_->dir(), layout::template_image(key), O_WRONLY);
    check(::pwrite(image.get(), "!", 1, at), "damage", key);
  }
};

TEST_P(VerifyTest, FindsWhatIsWholeIntact) {
  auto const key = built_key();
  EXPECT_EQ(verify(key).soundness, Soundness::intact);
  EXPECT_EQ(verify(key, Depth::fast).soundness, Soundness::intact);
  EXPECT_EQ(count(layout::kQuarantine), 0u);
}

TEST_P(VerifyTest, OneChangedByteGoesIntoQuarantineAndTheNextOpenBuilds) {
  auto const key = built_key();
  damage(key);
  EXPECT_EQ(verify(key, Depth::fast).soundness, Soundness::intact) << "a fast look reads no data";
  auto const found = verify(key);
  EXPECT_EQ(found.soundness, Soundness::quarantined);
  EXPECT_THAT(found.finding, HasSubstr("SHA-256"));
  EXPECT_FALSE(exists(layout::template_dir(key)));
  EXPECT_TRUE(exists(layout::quarantined(found.quarantine) + "/" + layout::kImage)) << "nothing is deleted";
  auto const listed = list_quarantine(store_->dir());
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].reason, found.finding);
  EXPECT_EQ(built_key(), key);
  EXPECT_EQ(builder_.builds, 2);
  EXPECT_EQ(verify(key).soundness, Soundness::intact);
}

TEST_P(VerifyTest, AFastLookFindsSizesSuperblocksAndPapers) {
  using Change = std::function<void(std::string const&)>;
  std::vector<std::pair<Change, std::string>> const cases{
      {[&](auto& key) {
         check(::truncate((store_->path() + "/" + layout::template_image(key)).c_str(), 0), "cut", key);
       },
       "0 bytes"},
      {[&](auto& key) { damage(key, 1080); }, "no ext4 superblock"},
      {[&](auto& key) { ::unlinkat(store_->dir(), layout::template_image(key).c_str(), 0); }, "No such file"},
      {[&](auto& key) { ::unlinkat(store_->dir(), layout::template_manifest(key).c_str(), 0); },
       "No such file"},
      {[&](auto& key) { replace_file(store_->dir(), layout::template_manifest(key), "{", 0444, false); },
       "read a manifest"}};
  for (auto const& [change, words] : cases) {
    auto const key = built_key();
    change(key);
    auto const found = verify(key, Depth::fast);
    EXPECT_EQ(found.soundness, Soundness::quarantined) << words;
    EXPECT_THAT(found.finding, HasSubstr(words));
  }
  EXPECT_EQ(count(layout::kQuarantine), cases.size());
}

TEST_P(VerifyTest, AMountThatHasItOpenBuildsAnewAndItsImagesStay) {
  Cache cache(*store_, *session_, builder_, 2);
  auto first = cache.ensure(wish());
  Fd const image = cache.make_image(*first, request(), session_->images_dir(), "live.img");
  auto const key = first->key;
  damage(key);
  EXPECT_EQ(verify(key).soundness, Soundness::quarantined);
  EXPECT_EQ(cache.warm(request()), nullptr) << "a damaged template was served";
  EXPECT_TRUE(is_whole(image.get(), request()));
  first.reset();
  auto const second = cache.ensure(wish());
  EXPECT_EQ(builder_.builds, 2);
  EXPECT_EQ(verify(key).soundness, Soundness::intact);
}

TEST_P(VerifyTest, AnIdleMountLetsGoOfWhatIsInQuarantineAtItsNextTick) {
  Cache cache(*store_, *session_, builder_, 2);
  auto const key = cache.ensure(wish())->key;
  cache.drop_idle();
  EXPECT_FALSE(FileLock::try_lock(store_->dir(), layout::key_lock(key), FileLock::Mode::exclusive));
  damage(key);
  EXPECT_EQ(verify(key).soundness, Soundness::quarantined);
  cache.drop_idle();
  EXPECT_TRUE(FileLock::try_lock(store_->dir(), layout::key_lock(key), FileLock::Mode::exclusive));
}

TEST_P(VerifyTest, WhatHasNoDigestGetsOneByTheFirstFullLook) {
  auto const baked = store_text("hello", new_image("mine"));
  EXPECT_EQ(verify(baked.key, Depth::fast).soundness, Soundness::unverifiable);
  EXPECT_EQ(verify(baked.key, Depth::fast).soundness, Soundness::unverifiable)
      << "a fast look records nothing";
  auto const first = verify(baked.key);
  EXPECT_EQ(first.soundness, Soundness::unverifiable);
  EXPECT_THAT(first.finding, HasSubstr("from now on"));
  EXPECT_EQ(verify(baked.key).soundness, Soundness::intact);
  EXPECT_EQ(staged(), 0u);
  damage(baked.key);
  auto const damaged = verify(baked.key);
  EXPECT_EQ(damaged.soundness, Soundness::quarantined);
  EXPECT_EQ(damaged.lost, std::vector<std::string>{"mine"});
}

TEST_P(VerifyTest, ADigestOfAnotherFormIsNoneAndNoReasonToThrowAnythingAway) {
  auto const key = built_key();
  auto text = read_file(store_->dir(), layout::template_manifest(key));
  auto const at = text.find("nonzero-64KiB-blocks");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 7, "extents");
  replace_file(store_->dir(), layout::template_manifest(key), text, 0444, false);
  EXPECT_EQ(verify(key).soundness, Soundness::unverifiable);
  EXPECT_EQ(verify(key).soundness, Soundness::intact);
}

TEST_P(VerifyTest, LeavesAloneWhatIsBuiltRightNowAndWhatIsNotThere) {
  auto const key = make_key(request(), builder_).name;
  EXPECT_EQ(verify(key).soundness, Soundness::gone);
  EXPECT_EQ(verify("../FORMAT").soundness, Soundness::gone);
  EXPECT_EQ(count(layout::kLocks), 0u) << "a look for what is not there makes no lock file";
  (void)built_key();
  auto const held = FileLock::try_lock(store_->dir(), layout::key_lock(key), FileLock::Mode::exclusive);
  EXPECT_EQ(verify(key).soundness, Soundness::locked);
}

TEST_P(VerifyTest, TheSweepAndTheCleanUpLeaveTheQuarantineAlone) {
  auto const key = built_key();
  damage(key);
  ASSERT_EQ(verify(key).soundness, Soundness::quarantined);
  ASSERT_EQ(::mkdirat(store_->dir(), "quarantine/somebody-elses", 0700), 0);
  (void)clean(*store_);
  EXPECT_EQ(list_quarantine(store_->dir()).size(), 1u);
  EXPECT_EQ(empty_quarantine(store_->dir()), 1u);
  EXPECT_THAT(list_quarantine(store_->dir()), IsEmpty());
  EXPECT_TRUE(exists("quarantine/somebody-elses"));
  EXPECT_EQ(staged(), 0u);
}

TEST_P(VerifyTest, AStopRequestEndsIt) {
  auto const key = built_key();
  std::stop_source stop;
  stop.request_stop();
  try {
    (void)verify_template(*store_, *session_, key, Depth::full, {Deadline::never(), stop.get_token()});
    FAIL() << "it went on";
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), ECANCELED);
  }
  EXPECT_TRUE(exists(layout::template_dir(key)));
}

/// What is found wrong while somebody waits to build it anew must be the old one, never the new one.
TEST_P(VerifyTest, NeverTakesWhatAPeerHasPublishedMeanwhile) {
  for (int round = 0; round < 20; ++round) {
    auto const key = built_key();
    damage(key);
    std::latch start(3);
    std::atomic<int> taken = 0;
    {
      std::vector<std::jthread> threads;
      for (int each = 0; each < 2; ++each)
        threads.emplace_back([&] {
          start.arrive_and_wait();
          taken += verify(key).soundness == Soundness::quarantined ? 1 : 0;
        });
      threads.emplace_back([&] {
        start.arrive_and_wait();
        (void)build();
      });
    }
    EXPECT_LE(taken, 1) << "the new one was taken as well";
    if (taken == 0) {
      EXPECT_EQ(verify(key).soundness, Soundness::quarantined);
    }
    EXPECT_EQ(verify(built_key()).soundness, Soundness::intact);
  }
}

/// Clones are made from an open file under a shared lock: whichever comes first, each is whole.
TEST_P(VerifyTest, AgainstOpensEveryCloneIsWhole) {
  std::atomic<bool> done = false;
  std::atomic<int> looks = 0;
  auto const key = built_key();
  std::jthread const verifier([&] {
    while (!done) {
      auto const found = verify(key);
      EXPECT_TRUE(found.soundness == Soundness::intact || found.soundness == Soundness::quarantined ||
                  found.soundness == Soundness::locked || found.soundness == Soundness::gone)
          << found.finding;
      ++looks;
    }
  });
  FanOut fan_out(store_->rung(), FanOutChoice::reflink_only);
  for (int each = 0; each < 60; ++each) {
    if (each % 10 == 9) damage(key);
    auto const pinned = build();
    Fd const image = fan_out.make_image(pinned.image.get(), pinned.bytes, session_->images_dir(),
                                        "clone-" + std::to_string(each));
    EXPECT_TRUE(is_whole(image.get(), request()));
    if (each % 10 == 9) {
      ASSERT_TRUE(test::wait_until([&, before = looks.load()] { return looks > before + 1; }));
    }
  }
  done = true;
}

INSTANTIATE_TEST_SUITE_P(Stores, VerifyTest, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
