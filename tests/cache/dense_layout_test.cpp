// SPDX-License-Identifier: Apache-2.0
#include "cache/dense_layout.h"

#include "base/content_digest.h"
#include "base/files.h"
#include "tests/support/on_filesystem.h"

#include <algorithm>
#include <memory>
#include <string>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace templatefs::cache {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t kSize = std::int64_t{256} << 20;

class DenseLayout : public test::OnFilesystem, public ::testing::WithParamInterface<char const*> {
 protected:
  DenseLayout() : OnFilesystem(GetParam(), std::int64_t{8} << 30) {}
  void SetUp() override {
    OnFilesystem::SetUp();
    if (IsSkipped()) return;
    dir_ = open_at(AT_FDCWD, filesystem_->path(), O_RDONLY | O_DIRECTORY);
  }
  void TearDown() override {
    dir_.reset();
    OnFilesystem::TearDown();
  }
  /// Written backwards and each on the disk before the next, as a formatter in a guest may.
  void write_scattered(std::initializer_list<std::int64_t> offsets, std::size_t bytes = 4096) {
    Fd const file = open_at(dir_.get(), "image", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    check(::ftruncate(file.get(), kSize), "set the length of", "the image");
    std::vector<std::int64_t> backwards(offsets);
    std::reverse(backwards.begin(), backwards.end());
    for (auto const offset : backwards) {
      write_all_at(file.get(), std::string(bytes, static_cast<char>('a' + offset % 23)), offset, "the image");
      sync_file(file.get(), "the image");
    }
  }
  std::string digest() {
    Fd const file = open_at(dir_.get(), "image", O_RDONLY);
    return content_sha256(file.get(), kSize);
  }
  std::uint32_t extents() {
    Fd const file = open_at(dir_.get(), "image", O_RDONLY);
    sync_file(file.get(), "the image");
    fiemap map{};
    map.fm_length = FIEMAP_MAX_OFFSET;
    check(::ioctl(file.get(), FS_IOC_FIEMAP, &map), "map the extents of", "the image");
    return map.fm_mapped_extents;
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for_each_entry(dir_.get(), ".", [&](std::string const& name) {
      if (name != "lost+found") found.push_back(name);
    });
    return found;
  }
  struct stat status() {
    struct stat st {};
    check(::fstatat(dir_.get(), "image", &st, 0), "stat", "the image");
    return st;
  }

  Fd dir_;
};

TEST_P(DenseLayout, HasAnExtentWhereThereWereManyNearEachOther) {
  write_scattered({0, 8192, 16384, 65536, 200'704, 128 << 20, (128 << 20) + 12288});
  auto const before = digest();
  EXPECT_EQ(extents(), 7u);
  lay_out_densely(dir_.get(), "image");
  EXPECT_EQ(extents(), 2u);
  EXPECT_EQ(digest(), before);
  EXPECT_EQ(status().st_size, kSize);
  EXPECT_EQ(status().st_mode & 07777, 0644u);
  EXPECT_THAT(names(), ElementsAre("image"));
}

TEST_P(DenseLayout, KeepsLargeHoles) {
  write_scattered({0, 1 << 20, 200 << 20});
  auto const before = status().st_blocks;
  lay_out_densely(dir_.get(), "image");
  EXPECT_EQ(extents(), 3u);
  EXPECT_EQ(status().st_blocks, before);
}

TEST_P(DenseLayout, LeavesWhatHasMuchDataAsItIs) {
  write_scattered({0, 8192});
  write_all_at(open_at(dir_.get(), "image", O_WRONLY).get(), std::string(65 << 20, 'x'), 16 << 20,
               "the image");
  auto const inode = status().st_ino;
  lay_out_densely(dir_.get(), "image");
  EXPECT_EQ(status().st_ino, inode);
}

TEST_P(DenseLayout, LeavesTheImageWhereItCannotBeCopied) {
  write_scattered({0, 8192});
  auto const inode = status().st_ino;
  auto const before = digest();
  make_directories(dir_.get(), "image.dense", 0700);  // where the copy would be
  lay_out_densely(dir_.get(), "image");
  EXPECT_EQ(status().st_ino, inode);
  EXPECT_EQ(digest(), before);
}

TEST_P(DenseLayout, LeavesNothingBehindWhereTheCopyDoesNotFit) {
  write_scattered({0, 8192, 200 << 20});
  auto const inode = status().st_ino;
  struct rlimit old {};
  check(::getrlimit(RLIMIT_FSIZE, &old), "read", "the limit of file sizes");
  struct rlimit const small{kSize / 2, old.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  check(::setrlimit(RLIMIT_FSIZE, &small), "set", "the limit of file sizes");
  lay_out_densely(dir_.get(), "image");
  check(::setrlimit(RLIMIT_FSIZE, &old), "set", "the limit of file sizes");
  EXPECT_EQ(status().st_ino, inode);
  EXPECT_THAT(names(), ElementsAre("image"));
}

INSTANTIATE_TEST_SUITE_P(Filesystems, DenseLayout, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache
