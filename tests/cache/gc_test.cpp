// SPDX-License-Identifier: Apache-2.0
#include "cache/gc.h"

#include "base/error.h"
#include "base/random_name.h"
#include "cache/cache.h"
#include "cache/clean.h"
#include "cache/extent_usage.h"
#include "cache/guest_store.h"
#include "cache/housekeeping.h"
#include "cache/template_store.h"
#include "tests/cache/stored_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include <linux/fs.h>
#include <sys/ioctl.h>

namespace templatefs::cache {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kMiB = 1 << 20;

class GcTest : public StoredFixture {
 protected:
  void SetUp() override {
    StoredFixture::SetUp();
    builder_.during_build = [](std::string const& path, auto&) {
      Fd const image = open_at(AT_FDCWD, path, O_RDWR);
      write_all_at(image.get(), random_hex(kMiB), 8 * kMiB, path);  // 2 MiB of data, and a superblock
    };
  }
  /// A template that was used this long ago.
  std::string make(std::string const& text, std::chrono::hours ago) {
    auto const key = build(text).key;
    age(key, ago);
    return key;
  }
  void age(std::string const& key, std::chrono::hours ago) const {
    for (auto const& path : {layout::key_lock(key), layout::template_image(key)}) set_time(path, ago);
  }
  void set_time(std::string const& path, std::chrono::hours ago) const {
    auto const then = epoch_ms_now() / 1000 - std::chrono::seconds(ago).count();
    timespec const times[] = {{then, 0}, {then, 0}};
    check(::utimensat(store_->dir(), path.c_str(), times, 0), "set the times of", path);
  }
  static Budget at_most(std::int64_t bytes) {
    Budget budget;
    budget.max_size = bytes;
    return budget;
  }
  GcResult gc(Budget const& budget, Rehearsal rehearsal = Rehearsal::no, std::int64_t need = 0) {
    return collect_garbage(*store_, *session_, budget, need, rehearsal);
  }
  static std::vector<std::string> keys(GcResult const& result) {
    std::vector<std::string> out;
    for (auto const& each : result.removed) out.push_back(each.key);
    return out;
  }
  bool there(std::string const& key) const { return exists(layout::template_dir(key)); }
  /// The same store, with a budget.
  Store with(Budget const& budget) const {
    return Store::open({store_->path(), {}, FanOutChoice::automatic, budget});
  }
};

TEST_P(GcTest, RemovesTheLeastRecentlyUsedUntilTheSizeHolds) {
  auto const oldest = make("ext4/64M", 30h);
  auto const newest = make("ext4/65M", 10h);
  auto const middle = make("ext4/66M", 20h);
  EXPECT_THAT(gc(at_most(100 * kMiB)).removed, IsEmpty());
  auto const result = gc(at_most(3 * kMiB));
  EXPECT_THAT(keys(result), ElementsAre(oldest, middle));
  EXPECT_TRUE(there(newest));
  EXPECT_TRUE(result.held);
  EXPECT_GT(result.size, 2 * kMiB);
  EXPECT_LE(result.size, 3 * kMiB);
  EXPECT_GE(result.removed[0].freed, 2 * kMiB);
  EXPECT_EQ(staged(), 0u);
}

TEST_P(GcTest, ARehearsalListsWhatTheRunThenRemovesInTheSameOrder) {
  for (int each = 0; each < 6; ++each)
    (void)make("ext4/" + std::to_string(64 + each) + "M", std::chrono::hours(1 + (each * 5) % 7));
  auto budget = at_most(3 * kMiB);
  budget.max_age = 5h;
  budget.keep = {"ext4/66M"};
  auto const planned = gc(budget, Rehearsal::yes);
  EXPECT_GE(planned.removed.size(), 2u);
  EXPECT_EQ(count(layout::kTemplates), 6u) << "a rehearsal removes nothing";
  auto const done = gc(budget);
  EXPECT_EQ(keys(done), keys(planned));
  EXPECT_EQ(done.size, planned.size);
  EXPECT_EQ(done.kept, planned.kept);
  EXPECT_EQ(count(layout::kTemplates), 6u - done.removed.size());
}

TEST_P(GcTest, RemovesWhatIsTooOldHoweverMuchSpaceThereIs) {
  auto const old = make("ext4/64M", 49h);
  auto const young = make("ext4/65M", 47h);
  Budget budget;
  budget.max_age = parse_age("2d");
  auto const result = gc(budget);
  EXPECT_THAT(keys(result), ElementsAre(old));
  EXPECT_TRUE(result.removed[0].too_old);
  EXPECT_TRUE(there(young));
}

TEST_P(GcTest, NeverTakesWhatIsInUseKeptOrNamed) {
  auto const used = build("ext4/64M");
  age(used.key, 100h);
  auto const kept = make("ext4/65M", 90h);
  auto const baked = store_text("hello", new_image("mine"));
  age(baked.key, 80h);
  auto const goes = make("ext4/66M", 70h);
  auto budget = at_most(1);
  budget.keep = {"ext4/65M"};
  auto const result = gc(budget);
  EXPECT_THAT(keys(result), ElementsAre(goes));
  EXPECT_THAT(result.in_use, ElementsAre(used.key));
  EXPECT_THAT(result.kept, ElementsAre(kept, baked.key));
  EXPECT_FALSE(result.held);
}

TEST_P(GcTest, CountsWhatTemplatesShareOnce) {
  auto const key = build("ext4/64M").key;
  Fd const image = open_at(store_->dir(), layout::template_image(key), O_RDONLY);
  auto const before = Footprint(image.get());
  EXPECT_EQ(before.usage().shared, 0);
  EXPECT_GE(before.usage().exclusive, 2 * kMiB);
  FanOut fan_out(store_->rung(), FanOutChoice::reflink_only);
  Fd const clone = fan_out.make_image(image.get(), 64 * kMiB, session_->images_dir(), "clone.img");
  ASSERT_EQ(::fsync(clone.get()), 0);
  auto const after = Footprint(image.get());
  auto const other = Footprint(clone.get());
  EXPECT_GE(after.usage().shared, 2 * kMiB);
  EXPECT_LT(after.usage().exclusive, kMiB);
  EXPECT_LT(Footprint::together({&after, &other}), 3 * kMiB);
  EXPECT_GT(Footprint::together({&after, &other}), 2 * kMiB);
}

TEST_P(GcTest, AUseIsNotedAndPutsATemplateAtTheEndOfTheQueue) {
  auto const first = make("ext4/64M", 30h);
  auto const second = make("ext4/65M", 20h);
  EXPECT_LT(last_use_ms(store_->dir(), first), last_use_ms(store_->dir(), second));
  (void)build("ext4/64M");  // a hit
  EXPECT_GT(last_use_ms(store_->dir(), first), epoch_ms_now() - 60'000);
  EXPECT_THAT(keys(gc(at_most(3 * kMiB))), ElementsAre(second));
}

TEST_P(GcTest, ABuildMakesItsRoomBeforeItBegins) {
  auto const store = with(at_most(5 * kMiB));
  auto const old = make("ext4/64M", 30h);
  auto const recent = make("ext4/65M", 20h);
  make_room(store, *session_, request("ext4/66M"));
  EXPECT_FALSE(there(old));
  EXPECT_TRUE(there(recent));
}

TEST_P(GcTest, ABuildForWhichThereIsNoRoomIsRefusedBeforeItBegins) {
  auto const pinned = build("ext4/64M");
  auto const err_of = [&](Budget const& budget) {
    auto const store = with(budget);
    // A failure of the same millisecond would be ours too.
    EXPECT_TRUE(test::wait_until([start = epoch_ms_now()] { return epoch_ms_now() > start + 1; }));
    try {
      (void)lookup_or_build({store, *session_, builder_, slots_}, make_key(request("ext4/65M"), builder_),
                            wish("ext4/65M"));
    } catch (Error const& error) {
      EXPECT_THAT(error.text(), HasSubstr("build ext4/65M: it takes about 2"));
      return error.err();
    }
    return 0;
  };
  EXPECT_EQ(err_of(at_most(3 * kMiB)), EDQUOT);
  Budget roomy;
  roomy.min_free = std::int64_t{1} << 40;
  EXPECT_EQ(err_of(roomy), ENOSPC);
  EXPECT_EQ(builder_.builds, 1) << "nothing was begun";
  roomy.min_free = kMiB;
  EXPECT_EQ(err_of(roomy), 0);
}

TEST_P(GcTest, ABuildNeedsWhatItsSeedTakes) {
  test::TempDir const seed;
  replace_file(AT_FDCWD, seed / "file", random_hex(2 * kMiB), 0600, false);
  Recipe recipe = *parse_request(book_, "ext4/64M").recipe;
  recipe.name = "seeded";
  recipe.seed = vm::Seed{vm::Seed::Kind::directory, seed.path(), {}};
  RecipeBook const book({recipe});
  try {
    make_room(with(at_most(kMiB)), *session_, parse_request(book, "seeded/64M"));
    FAIL();
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), EDQUOT);
    EXPECT_THAT(error.text(), HasSubstr("it takes about 8M")) << "4 MiB of data, packed first";
  }
}

TEST_P(GcTest, SavedGuestsAreWithinTheBudgetAndGoInTheirTurn) {
  auto const old = make("ext4/64M", 30h);
  auto const recent = make("ext4/65M", 1h);
  GuestStore guests(store_->dir());
  auto const publish = [&](std::string const& name, std::chrono::hours ago) {
    auto const path = session_->staging_path(store_->path()) + "/guest";
    make_directories(AT_FDCWD, path, 0700);
    replace_file(AT_FDCWD, path + "/memory", random_hex(kMiB), 0600, true);
    guests.publish(name, path);
    set_time(layout::saved_guest(name), ago);
  };
  publish("mkfs.ext4-0123456789abcdef", 20h);
  publish("mkfs.xfs-0123456789abcdef", 40h);
  auto const planned = keys(gc(at_most(3 * kMiB), Rehearsal::yes));
  EXPECT_EQ(guests.list().size(), 2u);
  auto const done = gc(at_most(3 * kMiB));
  EXPECT_EQ(keys(done), planned);
  EXPECT_THAT(keys(done), ElementsAre("mkfs.xfs-0123456789abcdef", old, "mkfs.ext4-0123456789abcdef"));
  EXPECT_TRUE(done.removed[0].is_guest && !done.removed[1].is_guest);
  EXPECT_GE(done.removed[0].freed, 2 * kMiB);
  EXPECT_TRUE(done.guests == 0 && guests.list().empty());
  EXPECT_TRUE(there(recent) && staged() == 0);
}

TEST_P(GcTest, TheSpaceOfWhatIsRemovedCountsAtOnce) {
  for (int each = 0; each < 4; ++each)
    (void)make("ext4/" + std::to_string(64 + each) + "M", std::chrono::hours(10 - each));
  // What the builds left frees its room in the background as well, unless the filesystem is frozen.
  ASSERT_TRUE(::ioctl(store_->dir(), FIFREEZE, 0) == 0 && ::ioctl(store_->dir(), FITHAW, 0) == 0);
  Budget budget;
  budget.min_free = static_cast<std::int64_t>(std::filesystem::space(store_->path()).available) + kMiB;
  auto const result = gc(budget);
  EXPECT_EQ(result.removed.size(), 1u)
      << "a filesystem that frees in the background cost more than it had to";
  EXPECT_TRUE(result.held);
}

TEST_P(GcTest, HousekeepingHoldsTheBudgetAgainAndAgain) {
  auto const store = with(at_most(3 * kMiB));
  (void)make("ext4/64M", 30h);
  (void)make("ext4/65M", 20h);
  Housekeeping const housekeeping(store, *session_, 5ms);
  EXPECT_TRUE(test::wait_until([&] { return count(layout::kTemplates) == 1; }));
  (void)make("ext4/66M", 10h);
  EXPECT_TRUE(test::wait_until([&] { return count(layout::kTemplates) == 1; }));
}

/// As clean against clone: whatever is opened is whole, and what was just used is not taken.
TEST_P(GcTest, AgainstOpensEveryCloneIsWhole) {
  std::atomic<bool> done = false;
  std::vector<std::jthread> collectors;
  for (int each = 0; each < 2; ++each)
    collectors.emplace_back([&] {
      while (!done) (void)gc(at_most(1));
    });
  FanOut fan_out(store_->rung(), FanOutChoice::reflink_only);
  for (int each = 0; each < 50; ++each) {
    auto const pinned = build();
    Fd const image = fan_out.make_image(pinned.image.get(), pinned.bytes, session_->images_dir(),
                                        "clone-" + std::to_string(each));
    EXPECT_TRUE(is_whole(image.get(), request()));
  }
  done = true;
}

TEST_P(GcTest, OfTwoAtOnceEachTemplateIsRemovedByOne) {
  for (int round = 0; round < 5; ++round) {
    std::set<std::string> made;
    for (int each = 0; each < 6; ++each)
      made.insert(make("ext4/" + std::to_string(64 + each) + "M", std::chrono::hours(10 + each)));
    GcResult results[2];
    {
      std::jthread const one([&] { results[0] = gc(at_most(1)); });
      std::jthread const other([&] { results[1] = gc(at_most(1)); });
    }
    EXPECT_THAT(gc(at_most(1)).in_use, IsEmpty());
    EXPECT_EQ(count(layout::kTemplates), 0u);
    std::multiset<std::string> removed;
    for (auto const& result : results)
      for (auto const& key : keys(result)) removed.insert(key);
    EXPECT_LE(removed.size(), made.size()) << "one was counted twice";
    EXPECT_EQ(staged(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, GcTest, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
