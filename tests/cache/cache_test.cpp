// SPDX-License-Identifier: Apache-2.0
#include "cache/cache.h"

#include "base/error.h"
#include "tests/cache/cache_fixture.h"
#include "vm/host_builder.h"

#include <array>

namespace templatefs::cache {
namespace {

class CacheTest : public CacheFixture {
 protected:
  using Uuid = std::array<char, 16>;
  /// Where ext4 keeps it.
  static Uuid uuid_of(int image) {
    Uuid out{};
    EXPECT_EQ(::pread(image, out.data(), out.size(), 1024 + 0x68), 16);
    return out;
  }
  Fd make(Cache& cache, Recipe const& recipe, std::string const& name, Stamp stamp = Stamp::as_recipe) {
    auto wanted = wish();
    wanted.request.recipe = &recipe;
    auto const pinned = cache.ensure(wanted);
    auto image = cache.make_image(*pinned, wanted.request, session_->images_dir(), name, stamp);
    of_template_ = uuid_of(pinned->image.get());
    return image;
  }

  Uuid of_template_{};
};

TEST_P(CacheTest, GivesAnImageItsOwnUuidWhereTheRecipeOrTheCallerSaysSo) {
  vm::HostBuilder host({});
  Cache cache(*store_, *session_, host, 1);
  Recipe own{"own", book_.find("ext4")->filesystem, {}};
  own.own_uuids = true;
  EXPECT_EQ(uuid_of(make(cache, *book_.find("ext4"), "a").get()), of_template_);
  EXPECT_NE(uuid_of(make(cache, *book_.find("ext4"), "b", Stamp::own_where_possible).get()), of_template_);
  auto const first = uuid_of(make(cache, own, "c").get());
  EXPECT_NE(first, of_template_);
  EXPECT_NE(uuid_of(make(cache, own, "d").get()), first);
}

TEST_P(CacheTest, LeavesNothingOfAnImageThatCannotGetItsOwnUuid) {
  // The fake one's template has a magic number and nothing else.
  Cache cache(*store_, *session_, builder_, 1);
  EXPECT_THROW((void)make(cache, *book_.find("ext4"), "a", Stamp::own_where_possible), Error);
  EXPECT_NE(::faccessat(session_->images_dir(), "a", F_OK, 0), 0);
  EXPECT_NO_THROW((void)make(cache, *book_.find("ext4"), "a"));
}

TEST_P(CacheTest, AFilesystemWithoutAUuidOrOneBoundToItsUuidKeepsItWhereACallerOnlyWishes) {
  vm::HostBuilder host({});
  Cache cache(*store_, *session_, host, 1);
  EXPECT_NO_THROW((void)make(cache, *book_.find("raw"), "a", Stamp::own_where_possible));
  Recipe bound{"bound", book_.find("ext4")->filesystem, {"-O", "^metadata_csum,uninit_bg"}};
  EXPECT_EQ(uuid_of(make(cache, bound, "b", Stamp::own_where_possible).get()), of_template_);
  bound.own_uuids = true;
  EXPECT_THROW((void)make(cache, bound, "c", Stamp::own_where_possible), Error);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, CacheTest, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
