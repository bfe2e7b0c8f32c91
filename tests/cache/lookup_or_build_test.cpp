// SPDX-License-Identifier: Apache-2.0
#include "cache/lookup_or_build.h"

#include "base/child.h"
#include "base/error.h"
#include "base/guarded.h"
#include "tests/cache/cache_fixture.h"
#include "tests/support/err_of.h"
#include "tests/support/wait_until.h"

#include <atomic>
#include <latch>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {
namespace {

using LookupOrBuild = CacheFixture;
using test::err_of;

TEST_P(LookupOrBuild, LaysTheTemplateOutDensely) {
  builder_.during_build = [](std::string const& image, std::stop_token const&) {
    Fd const file = open_at(AT_FDCWD, image, O_WRONLY);
    write_all_at(file.get(), "after a small hole", (1 << 19) + 65536, image);
  };
  auto const pinned = build();
  // The hole reads as before, and is data.
  EXPECT_EQ(::lseek(pinned.image.get(), 1 << 19, SEEK_HOLE), (1 << 19) + 65536 + 4096);
}

TEST_P(LookupOrBuild, BuildsOnceAndThenHits) {
  auto const first = build();
  auto const second = build();
  EXPECT_EQ(builder_.builds, 1);
  EXPECT_EQ(first.key, second.key);
  EXPECT_EQ(first.bytes, 64 << 20);
  struct stat st {};
  ASSERT_EQ(::fstat(first.image.get(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0444u);
  EXPECT_EQ(staged(), 0u);
}

TEST_P(LookupOrBuild, ALookTouchesNoLockFileWhereThereIsNoTemplate) {
  auto const key = make_key(request(), builder_);
  EXPECT_EQ(TemplateStore(store_->dir()).pin(key.name, request()).presence, Presence::missing);
  EXPECT_EQ(count(layout::kLocks), 0u);
}

TEST_P(LookupOrBuild, SixteenThreadsGetOneBuild) {
  std::latch start(16);
  Guarded<std::set<ino_t>> inodes;
  std::vector<std::jthread> threads;
  for (int each = 0; each < 16; ++each)
    threads.emplace_back([&] {
      start.arrive_and_wait();
      auto const pinned = build();
      struct stat st {};
      ::fstat(pinned.image.get(), &st);
      inodes.with([&](auto& seen) { seen.insert(st.st_ino); });
    });
  threads.clear();
  EXPECT_EQ(builder_.builds, 1);
  EXPECT_EQ(inodes.with([](auto& seen) { return seen.size(); }), 1u);
}

TEST_P(LookupOrBuild, AFailureIsEverybodysWhoWaited) {
  std::latch all_asked(8);
  builder_.during_build = [&](std::string const&, std::stop_token const&) {
    all_asked.wait();
    throw Error(EIO, "the formatter failed");
  };
  std::atomic<int> failed = 0;
  std::vector<std::jthread> threads;
  for (int each = 0; each < 8; ++each)
    threads.emplace_back([&] {
      auto const mine = wish();
      auto const key = make_key(request(), builder_);
      all_asked.count_down();
      try {
        (void)lookup_or_build({*store_, *session_, builder_, slots_}, key, mine);
      } catch (Error const& error) {
        failed += error.err() == EIO && error.text() == "the formatter failed";
      }
    });
  threads.clear();
  EXPECT_EQ(failed, 8);
  EXPECT_EQ(builder_.builds, 1);
  EXPECT_EQ(staged(), 0u);
  EXPECT_EQ(count(layout::kTemplates), 0u);
}

TEST_P(LookupOrBuild, AFailurePausesTheNextBuildUnlessAskedExpressly) {
  builder_.during_build = [](auto&, auto&) { throw Error(EIO, "broken"); };
  EXPECT_EQ(err_of([&] { build(); }), EIO);
  builder_.during_build = nullptr;
  EXPECT_EQ(err_of([&] { build(); }), EIO);  // within the pause
  EXPECT_EQ(builder_.builds, 1);
  auto expressly = wish();
  expressly.asked_at_ms += 1;
  expressly.ignore_pause = true;
  ASSERT_TRUE(test::wait_until([&] { return epoch_ms_now() > expressly.asked_at_ms; }));
  (void)lookup_or_build({*store_, *session_, builder_, slots_}, make_key(request(), builder_), expressly);
  EXPECT_EQ(builder_.builds, 2);
}

TEST_P(LookupOrBuild, ThePauseIsOverAfterAWhile) {
  builder_.during_build = [](auto&, auto&) { throw Error(EIO, "broken"); };
  EXPECT_EQ(err_of([&] { build(); }), EIO);
  builder_.during_build = nullptr;
  EXPECT_TRUE(test::wait_until([&] { return err_of([&] { build(); }) == 0; }));
  EXPECT_EQ(count(layout::kFailures), 0u) << "a success forgets the failure";
}

TEST_P(LookupOrBuild, AChangedInputForgetsTheFailure) {
  builder_.during_build = [](auto&, auto&) { throw Error(EIO, "broken"); };
  EXPECT_EQ(err_of([&] { build(); }), EIO);
  builder_.during_build = nullptr;
  builder_.formatter_version = "mkfs.fake 2";
  EXPECT_EQ(err_of([&] { build(); }), 0);
}

TEST_P(LookupOrBuild, AFullStorePausesNothing) {
  builder_.during_build = [](auto&, auto&) { throw Error(ENOSPC, "full"); };
  EXPECT_EQ(err_of([&] { build(); }), ENOSPC);
  builder_.during_build = nullptr;
  ASSERT_TRUE(test::wait_until([start = epoch_ms_now()] { return epoch_ms_now() > start + 1; }));
  EXPECT_EQ(err_of([&] { build(); }), 0);
}

TEST_P(LookupOrBuild, ATornTemplateIsRebuiltNotServed) {
  auto const key = build().key;
  std::string const image = layout::template_image(key);
  {
    // As a crash without the syncs would leave it: the right name, the right size, no content.
    Fd const fd = open_at(store_->dir(), image, O_WRONLY | O_TRUNC);
    ASSERT_EQ(::ftruncate(fd.get(), 64 << 20), 0);
  }
  EXPECT_TRUE(is_whole(build().image.get(), request()));
  EXPECT_EQ(builder_.builds, 2);
  ASSERT_EQ(::unlinkat(store_->dir(), image.c_str(), 0), 0);  // a directory without an image
  EXPECT_TRUE(is_whole(build().image.get(), request()));
  EXPECT_EQ(builder_.builds, 3);
  EXPECT_EQ(staged(), 0u);
}

TEST_P(LookupOrBuild, AnImageWithoutItsSuperblockIsNotPublished) {
  builder_.during_build = [](std::string const& image, auto&) {
    check(::truncate(image.c_str(), 4096), "truncate", image);
  };
  EXPECT_EQ(err_of([&] { build(); }), EIO);
  EXPECT_EQ(count(layout::kTemplates), 0u);
}

TEST_P(LookupOrBuild, TheFirstPublisherWins) {
  auto const key = make_key(request(), builder_);
  builder_.during_build = [&](std::string const& image, auto&) {
    // A peer that does not honour the lock publishes in between.
    std::string const target = layout::template_dir(key.name);
    ASSERT_EQ(::mkdirat(store_->dir(), target.c_str(), 0700), 0);
    auto const copied = run_command({"cp", image, store_->path() + "/" + layout::template_image(key.name)},
                                    Deadline::after(std::chrono::seconds(20)));
    ASSERT_TRUE(copied.status.success()) << copied.text;
    replace_file(store_->dir(), target + "/first", "FIRST", 0600, false);
  };
  (void)build();
  EXPECT_TRUE(exists(layout::template_dir(key.name) + "/first"));
  EXPECT_EQ(staged(), 0u);
}

TEST_P(LookupOrBuild, APeersLockThatIsHeldTooLongIsNamed) {
  auto const key = make_key(request(), builder_);
  auto const held = FileLock::try_lock(store_->dir(), layout::key_lock(key.name), FileLock::Mode::exclusive);
  auto mine = wish();
  mine.lock_deadline = Deadline::after(std::chrono::milliseconds(50));
  try {
    (void)lookup_or_build({*store_, *session_, builder_, slots_}, key, mine);
    FAIL() << "it got a lock that somebody holds";
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), ETIMEDOUT);
    EXPECT_NE(error.text().find("pid=" + std::to_string(::getpid())), std::string::npos) << error.text();
  }
}

TEST_P(LookupOrBuild, AStopRequestEndsAWaitAndABuild) {
  auto const key = make_key(request(), builder_);
  auto const held = FileLock::try_lock(store_->dir(), layout::key_lock(key.name), FileLock::Mode::exclusive);
  std::jthread waiter([&](std::stop_token const& stop) {
    auto mine = wish();
    mine.stop = stop;
    EXPECT_EQ(err_of([&] {
                (void)lookup_or_build({*store_, *session_, builder_, slots_}, key, mine);
              }),
              ECANCELED);
  });
  waiter.request_stop();
}

TEST_P(LookupOrBuild, TooSmallIsRefusedBeforeAnything) {
  EXPECT_EQ(err_of([&] { build("xfs/256M"); }), EINVAL);
  EXPECT_EQ(builder_.builds, 0);
  EXPECT_EQ(count(layout::kLocks), 0u);
}

INSTANTIATE_TEST_SUITE_P(Stores, LookupOrBuild, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
