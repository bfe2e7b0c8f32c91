// SPDX-License-Identifier: Apache-2.0
#include "cache/spares.h"

#include "base/error.h"
#include "cache/cache.h"
#include "tests/cache/cache_fixture.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace templatefs::cache {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SparesTest : public CacheFixture {
 protected:
  void SetUp() override {
    CacheFixture::SetUp();
    if (IsSkipped()) return;
    images_ = open_directory("ext4/64M");
    cache_ = std::make_unique<Cache>(*store_, *session_, builder_, 1);
  }
  void TearDown() override {
    cache_.reset();
    images_.reset();
    CacheFixture::TearDown();
  }

  Fd open_directory(std::string const& path) const {
    make_directories(session_->images_dir(), path, 0700);
    return open_at(session_->images_dir(), path, O_RDONLY | O_DIRECTORY);
  }
  /// As an open of a mount does, in a crowd or not.
  Fd hand_out(std::string const& name, Patience patience = Patience::alone) {
    return cache_
        ->hand_out(cache_->ensure(wish()), request(), images_.get(), name, Stamp::as_recipe, Naming::at_once,
                   [patience] { return patience; })
        .file;
  }
  /// Until as many are ready as are wanted, and no more are being made.
  void await_spares(std::size_t count) {
    ASSERT_TRUE(test::wait_until([&] { return cache_->spares() == count; }))
        << cache_->spares() << " of " << count;
  }
  std::vector<std::string> names(bool of_spares) const {
    std::vector<std::string> found;
    for_each_entry(session_->images_dir(), of_spares ? layout::kSpares : "ext4/64M",
                   [&](std::string const& name) { found.push_back(name); });
    std::sort(found.begin(), found.end());
    return found;
  }
  static ino_t inode_of(Fd const& file) {
    struct stat st {};
    EXPECT_EQ(::fstat(file.get(), &st), 0);
    return st.st_ino;
  }
  static std::string path_of_spare(std::string const& name) {
    return std::string(layout::kSpares) + "/" + name;
  }
  std::set<ino_t> inodes_of_spares() const {
    std::set<ino_t> inodes;
    struct stat st {};
    for (auto const& name : names(true))
      if (::fstatat(session_->images_dir(), path_of_spare(name).c_str(), &st, 0) == 0)
        inodes.insert(st.st_ino);
    return inodes;
  }

  static constexpr std::size_t kAtFirst = 8;
  std::unique_ptr<Cache> cache_;
  Fd images_;
};

TEST_P(SparesTest, AnImageThatWasMadeAheadIsRenamedIn) {
  (void)hand_out("a.img");
  await_spares(kAtFirst);
  auto const ahead = inodes_of_spares();
  Fd const image = hand_out("b.img");
  EXPECT_TRUE(ahead.contains(inode_of(image)));
  EXPECT_THAT(names(false), ElementsAre("a.img", "b.img"));
  char magic[2];
  ASSERT_EQ(::pread(image.get(), magic, 2, 1024 + 56), 2);
  EXPECT_EQ(std::string(magic, 2), "\x53\xef");
  EXPECT_EQ(::pwrite(image.get(), "x", 1, 0), 1) << "open for writing";
}

TEST_P(SparesTest, ItsTimeIsThatOfItsFirstOpen) {
  (void)hand_out("a.img");
  await_spares(kAtFirst);
  timespec const long_ago[2] = {{1, 0}, {1, 0}};
  for (auto const& name : names(true))
    ASSERT_EQ(::utimensat(session_->images_dir(), path_of_spare(name).c_str(), long_ago, 0), 0);
  auto const before = epoch_ms_now() / 1000;
  struct stat st {};
  ASSERT_EQ(::fstat(hand_out("b.img").get(), &st), 0);
  EXPECT_GE(st.st_mtim.tv_sec, before - 1);
}

TEST_P(SparesTest, ThereAreMoreWhenTheyDidNotSuffice) {
  for (int i = 0; i < 40; ++i) (void)hand_out(std::to_string(i) + ".img", Patience::none);
  ASSERT_TRUE(test::wait_until([&] { return cache_->spares() > kAtFirst; }));
}

TEST_P(SparesTest, InACrowdEachHasOne) {
  (void)hand_out("first.img");
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i)
        (void)hand_out(std::to_string(thread) + "-" + std::to_string(i) + ".img", Patience::in_crowd);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(names(false).size(), kThreads * kEach + 1U);
}

TEST_P(SparesTest, WhoeverHeldADroppedTemplateLeavesNoneOfIt) {
  auto const held = cache_->ensure(wish());
  ASSERT_EQ(::fchmodat(store_->dir(), layout::template_image(held->key).c_str(), 0, 0), 0);
  EXPECT_EQ(cache_->warm(request()), nullptr);
  (void)cache_->hand_out(held, request(), images_.get(), "a.img", Stamp::as_recipe, Naming::at_once,
                         [] { return Patience::none; });
  await_spares(kAtFirst);
  cache_->drop_idle();
  EXPECT_EQ(cache_->spares(), 0U);
  ASSERT_TRUE(test::wait_until([&] { return names(true).empty(); }));
}

TEST_P(SparesTest, ANameThatExistsIsLeftAlone) {
  Fd const first = hand_out("a.img");
  await_spares(kAtFirst);
  try {
    (void)hand_out("a.img");
    FAIL() << "it replaced an image";
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), EEXIST);
  }
  struct stat st {};
  ASSERT_EQ(::fstatat(images_.get(), "a.img", &st, 0), 0);
  EXPECT_EQ(st.st_ino, inode_of(first));
}

TEST_P(SparesTest, OfATemplateThatIsNotCurrentAnyMoreNoneIsHandedOut) {
  (void)hand_out("a.img");
  await_spares(kAtFirst);
  auto const ahead = inodes_of_spares();
  auto const key = cache_->ensure(wish())->key;
  // As verify puts a damaged one into quarantine.
  ASSERT_EQ(::fchmodat(store_->dir(), layout::template_image(key).c_str(), 0, 0), 0);
  EXPECT_EQ(cache_->warm(request()), nullptr);
  ASSERT_TRUE(test::wait_until([&] { return names(true).empty(); }));
  EXPECT_EQ(cache_->spares(), 0U);
}

TEST_P(SparesTest, ThoseOfAnotherSizeAreApart) {
  (void)hand_out("a.img");
  await_spares(kAtFirst);
  Fd const other_dir = open_directory("ext4/65M");
  auto const other = request("ext4/65M");
  auto const image = cache_->hand_out(cache_->ensure(wish("ext4/65M")), other, other_dir.get(), "a.img",
                                      Stamp::as_recipe, Naming::at_once, [] { return Patience::none; });
  struct stat st {};
  ASSERT_EQ(::fstat(image.file.get(), &st), 0);
  EXPECT_EQ(st.st_size, other.bytes());
}

TEST_P(SparesTest, NoneIsMadeAfterTheStop) {
  (void)hand_out("a.img");
  cache_->stop_making_ahead();
  auto const left = names(true);
  (void)hand_out("b.img");
  (void)hand_out("c.img");
  EXPECT_EQ(names(true), left);
  EXPECT_EQ(cache_->spares(), 0U);
}

TEST_P(SparesTest, WhoTakesOverADeadSessionsImagesHasNoneOfItsSpares) {
  (void)hand_out("a.img");
  await_spares(kAtFirst);
  cache_.reset();
  // As a killed process leaves it: its lock is free, its directory there.
  std::filesystem::copy(store_->path() + "/" + layout::session_dir(session_->name()),
                        store_->path() + "/sessions/test-gone", std::filesystem::copy_options::recursive);
  auto const heir = Session::create(store_->dir(), "test", "", true);
  unsigned taken_over = 0;
  for_each_entry(heir.images_dir(), "ext4/64M", [&](std::string const&) { ++taken_over; });
  EXPECT_EQ(taken_over, 1U);
  EXPECT_NE(::faccessat(heir.images_dir(), layout::kSpares, F_OK, 0), 0);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, SparesTest, ::testing::Values("xfs", "btrfs"));

/// 5 % of it are soon used.
class SparesOfSmallStore : public SparesTest {
 protected:
  void fill_to_percent(unsigned free_percent) {
    filler_ = open_at(store_->dir(), "filler", O_RDWR | O_CREAT, 0600);
    struct statvfs fs {};
    ASSERT_EQ(::fstatvfs(store_->dir(), &fs), 0);
    auto const blocks = fs.f_bavail - fs.f_blocks / 100 * free_percent;
    ASSERT_EQ(::fallocate(filler_.get(), 0, 0, static_cast<off_t>(blocks * fs.f_frsize)), 0);
  }
  void TearDown() override {
    filler_.reset();
    SparesTest::TearDown();
  }
  Fd filler_;
};

TEST_P(SparesOfSmallStore, GoWhenTheStoreIsShortOfRoom) {
  (void)hand_out("a.img");
  await_spares(kAtFirst);
  fill_to_percent(3);
  (void)hand_out("b.img");  // the next is made in its place, or would be
  ASSERT_TRUE(test::wait_until([&] { return names(true).empty(); }));
  (void)hand_out("c.img");
  EXPECT_THAT(names(false), ElementsAre("a.img", "b.img", "c.img"));
}

INSTANTIATE_TEST_SUITE_P(Filesystems, SparesOfSmallStore, ::testing::Values("xfs"));

}  // namespace
}  // namespace templatefs::cache
