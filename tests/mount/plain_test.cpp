// SPDX-License-Identifier: Apache-2.0
#include "base/random_name.h"
#include "cache/cache.h"
#include "cache/session.h"
#include "cache/store.h"
#include "fusefs/filesystem.h"
#include "fusefs/libfuse.h"
#include "fusefs/mount.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"
#include "vm/host_builder.h"

#include <optional>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>

// The filesystem built without passthrough (plain.cmake), mounted by this process.
namespace templatefs::test {

namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

static_assert(!fusefs::kCanPassThrough);

class Plain : public FreshStore {
 protected:
  void SetUp() override {
    FreshStore::SetUp();
    if (IsSkipped()) return;
    fusefs::block_end_signals();
    opened_.emplace(cache::Store::open({.path = store(), .loop_bytes = std::nullopt}));
    session_.emplace(cache::Session::create(opened_->dir(), "mount", mount_point_.path()));
    cache_.emplace(*opened_, *session_, builder_, 1);
    fs_.emplace(fusefs::Filesystem::Options{.mount_point = mount_point_.path()}, recipes_, *cache_,
                *session_);
    mount_.emplace(*fs_, std::vector<std::string>());
  }
  void TearDown() override {
    mount_.reset();
    fs_.reset();
    cache_.reset();
    session_.reset();
    opened_.reset();
    FreshStore::TearDown();
  }
  std::string at(std::string const& name) const { return mount_point_ / name; }
  void end() { mount_->end(); }

 private:
  TempDir mount_point_;
  vm::HostBuilder builder_{vm::HostBuilder::Options{}};
  cache::RecipeBook recipes_;
  std::optional<cache::Store> opened_;
  std::optional<cache::Session> session_;
  std::optional<cache::Cache> cache_;
  std::optional<fusefs::Filesystem> fs_;
  std::optional<fusefs::Mount> mount_;
};

TEST_F(Plain, SaysThatItHasNoPassthroughAndWhy) {
  auto const passthrough = status_of(at(""))["passthrough"];
  EXPECT_EQ(passthrough["active"], false);
  EXPECT_THAT(passthrough["reason"].get<std::string>(), HasSubstr("TEMPLATEFS_PASSTHROUGH=OFF"));
  Fd const image = open_file(at("raw/1M/a.img"));
  EXPECT_EQ(xattr_of(at("raw/1M/a.img"), "user.templatefs.passthrough"), "no");
}

TEST_F(Plain, KeepsWhatIsWrittenThroughTheDaemon) {
  auto const path = at("ext4/16M/a.img");
  std::string const written = random_hex(1 << 19);  // 1 MiB
  {
    Fd const image = open_file(path);
    EXPECT_EQ(stat_of(image.get()).st_size, 16 << 20);
    std::string const magic = read_at(image.get(), 2, 1080);
    EXPECT_EQ(magic, "\x53\xef") << "the template's superblock";
    write_at(image.get(), written, (3 << 20) + 5);
    ASSERT_EQ(::fsync(image.get()), 0);
  }
  Fd const direct = open_file(path, O_RDONLY | O_DIRECT);
  alignas(4096) static char block[1 << 12];
  ASSERT_EQ(::pread(direct.get(), block, sizeof block, 3 << 20), static_cast<ssize_t>(sizeof block));
  EXPECT_EQ(std::string(block + 5, sizeof block - 5), written.substr(0, sizeof block - 5));
  Fd const again = open_file(path);
  EXPECT_EQ(read_at(again.get(), written.size(), (3 << 20) + 5), written);
  EXPECT_EQ(read_at(again.get(), 4, (4 << 20) + 5), std::string(4, '\0'));
}

TEST_F(Plain, EndsInOrderAndLeavesTheTemplates) {
  EXPECT_EQ(open_outcome(at("ext4/16M/a.img"), O_RDWR), "ok");
  EXPECT_EQ(names_in(at("ext4/16M")), std::vector<std::string>{"a.img"});
  end();
  EXPECT_THAT(names_in(at("")), IsEmpty());
  EXPECT_EQ(names_in(store("/templates")).size(), 1u);
}

}  // namespace

}  // namespace templatefs::test
