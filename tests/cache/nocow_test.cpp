// SPDX-License-Identifier: Apache-2.0
#include "base/copy_file.h"
#include "base/data_cow.h"
#include "base/files.h"
#include "cache/layout.h"
#include "cache/session.h"
#include "cache/store.h"
#include "tests/support/on_filesystem.h"
#include "tests/support/program.h"

#include <cerrno>
#include <string>
#include <utility>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {
namespace {

/// What is with checksums on btrfs, and what is without.
class Nocow : public test::OnFilesystem {
 protected:
  Nocow() : OnFilesystem("btrfs", std::int64_t{2} << 30) {}
  Store open() const { return Store::open({*filesystem_ / "store", {}, FanOutChoice::automatic}); }
  Fd in_filesystem(std::string const& path, int flags = O_RDONLY) const {
    return open_at(AT_FDCWD, *filesystem_ / path, flags, 0600);
  }
  /// A file with data, made in that directory as it is.
  Fd file_in(int dir, std::string const& name) const {
    Fd file = open_at(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600);
    write_all(file.get(), std::string(1 << 16, 'x'), name);
    return file;
  }
};

TEST_F(Nocow, AStoreThatWeMakeIsWithoutChecksums) {
  auto const store = open();
  auto const session = Session::create(store.dir(), "test", "");
  for (char const* const name : {layout::kTemplates, layout::kPinned, layout::kSessions})
    EXPECT_TRUE(is_nocow(in_filesystem("store/" + std::string(name)).get())) << name;
  EXPECT_TRUE(is_nocow(session.images_dir())) << "a subvolume takes nothing over by itself";
  EXPECT_TRUE(is_nocow(file_in(session.images_dir(), "a.img").get()));
  EXPECT_TRUE(is_nocow(file_in(session.staging_dir(), "image").get()));
  EXPECT_EQ(store.rung(), Rung::reflink);
}

TEST_F(Nocow, ADirectoryThatIsThereKeepsWhatItsMakerChose) {
  ASSERT_EQ(::mkdir((*filesystem_ / "store").c_str(), 0700), 0);
  auto const store = open();
  auto const session = Session::create(store.dir(), "test", "");
  EXPECT_FALSE(is_nocow(file_in(session.images_dir(), "a.img").get()));
  EXPECT_EQ(store.rung(), Rung::reflink);
}

TEST_F(Nocow, ManyStartsAtOnceMakeOneStore) {
  auto const statuses = test::run_in_processes(8, [&](unsigned) {
    auto const store = open();
    auto const session = Session::create(store.dir(), "test", "");
    return is_nocow(session.images_dir()) ? 0 : 1;
  });
  EXPECT_THAT(statuses, testing::Each(0));
}

TEST_F(Nocow, AReflinkTakesItOver) {
  auto const store = open();
  Fd const outside = in_filesystem(".", O_RDONLY | O_DIRECTORY);
  for (auto const& [from, to] : {std::pair{store.dir(), outside.get()}, {outside.get(), store.dir()}}) {
    Fd const source = file_in(from, "source");
    Fd const target = open_at(to, "target", O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT_EQ(reflink(source.get(), target.get()), 0);
    EXPECT_EQ(is_nocow(source.get()), is_nocow(target.get()));
    ::unlinkat(from, "source", 0);
    ::unlinkat(to, "target", 0);
  }
}

TEST_F(Nocow, AReflinkIntoDataIsRefusedAndChangesNothing) {
  auto const store = open();
  Fd const outside = in_filesystem(".", O_RDONLY | O_DIRECTORY);
  Fd const source = file_in(store.dir(), "source");
  Fd const target = file_in(outside.get(), "target");
  EXPECT_EQ(reflink(source.get(), target.get()), EINVAL);
  EXPECT_FALSE(is_nocow(target.get()));
}

}  // namespace
}  // namespace templatefs::cache
