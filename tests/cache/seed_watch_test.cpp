// SPDX-License-Identifier: Apache-2.0
#include "cache/seed_watch.h"

#include "cache/cache.h"
#include "tests/cache/cache_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <fcntl.h>

namespace templatefs::cache {

namespace {

class SeedWatches : public CacheFixture {
 protected:
  void SetUp() override {
    CacheFixture::SetUp();
    if (IsSkipped()) return;
    make_directories(AT_FDCWD, directory_ / "deep/er", 0755);
    write("old");
  }
  void write(std::string const& text) const {
    replace_file(AT_FDCWD, directory_ / "deep/er/file", text, 0644, false);
  }
  vm::Seed seed() const { return {vm::Seed::Kind::directory, directory_.path()}; }

  test::TempDir const directory_;
};

INSTANTIATE_TEST_SUITE_P(Store, SeedWatches, ::testing::Values("xfs"));

}  // namespace

TEST_P(SeedWatches, AChangeFarBelowIsSeenOnceALookIsDue) {
  SeedWatch watch(seed());
  EXPECT_FALSE(test::wait_until([&] { return watch.changed(); }, std::chrono::milliseconds(50)));
  write("new and longer");
  EXPECT_TRUE(test::wait_until([&] { return watch.changed(); }));
}

TEST_P(SeedWatches, ASeedThatIsGoneHasChanged) {
  SeedWatch watch({vm::Seed::Kind::directory, directory_ / "deep"});
  remove_tree(AT_FDCWD, directory_ / "deep");
  EXPECT_TRUE(test::wait_until([&] { return watch.changed(); }));
}

TEST_P(SeedWatches, ATemplateInUseIsLeftForTheChangedSeeds) {
  RecipeBook const book({Recipe{"seeded", vm::find_filesystem("ext4"), {}, {}, seed()}});
  Cache cache(*store_, *session_, builder_, 1);
  auto wanted = wish();
  wanted.request = parse_request(book, "seeded/64M");
  auto const first = cache.ensure(wanted);
  EXPECT_EQ(cache.ensure(wanted), first);
  write("new and longer");
  EXPECT_TRUE(test::wait_until([&] { return cache.ensure(wanted) != first; }));
  EXPECT_EQ(builder_.builds, 2);
}

}  // namespace templatefs::cache
