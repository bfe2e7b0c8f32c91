// SPDX-License-Identifier: Apache-2.0
#include "cache/fan_out.h"

#include "base/content_digest.h"
#include "base/error.h"
#include "cache/reflink.h"
#include "tests/cache/cache_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {
namespace {

class FanOutTest : public test::OnFilesystem, public ::testing::WithParamInterface<char const*> {
 protected:
  FanOutTest() : OnFilesystem(GetParam(), std::int64_t{1} << 30) {}
  void SetUp() override {
    OnFilesystem::SetUp();
    if (IsSkipped()) return;
    dir_ = open_at(AT_FDCWD, filesystem_->path(), O_RDONLY | O_DIRECTORY);
    template_ = open_at(dir_.get(), "template", O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(::ftruncate(template_.get(), kBytes), 0);
    ASSERT_EQ(::pwrite(template_.get(), "head", 4, 0), 4);
    ASSERT_EQ(::pwrite(template_.get(), "tail", 4, kBytes - 4), 4);
    ASSERT_EQ(::fsync(template_.get()), 0);
  }
  void TearDown() override {
    template_.reset();
    dir_.reset();
    OnFilesystem::TearDown();
  }
  static std::string read_at(int fd, off_t offset) {
    char text[5] = {};
    EXPECT_EQ(::pread(fd, text, 4, offset), 4);
    return text;
  }
  void expect_copy(Fd const& image) {
    EXPECT_EQ(read_at(image.get(), 0), "head");
    EXPECT_EQ(read_at(image.get(), kBytes - 4), "tail");
    struct stat st {};
    ASSERT_EQ(::fstat(image.get(), &st), 0);
    EXPECT_EQ(st.st_size, kBytes);
    EXPECT_LT(st.st_blocks, 4096) << "holes became data";
    EXPECT_EQ(st.st_mode & 0777, 0600u);
  }
  static constexpr off_t kBytes = 256 << 20;
  Fd dir_;
  Fd template_;
};

TEST_P(FanOutTest, MakesAPrivateCopy) {
  FanOut fan_out(Rung::reflink, FanOutChoice::automatic);
  Fd const image = fan_out.make_image(template_.get(), kBytes, dir_.get(), "image");
  expect_copy(image);
  ASSERT_EQ(::pwrite(image.get(), "mine", 4, 0), 4);
  EXPECT_EQ(read_at(template_.get(), 0), "head");
  bool const can_reflink = std::string(GetParam()) != "ext4";
  EXPECT_EQ(fan_out.rung(), can_reflink ? Rung::reflink : Rung::copy);
  EXPECT_EQ(probe_reflink(filesystem_->path()).works, can_reflink);
}

TEST_P(FanOutTest, CopiesSparselyWhereItMust) {
  FanOut fan_out(Rung::copy, FanOutChoice::copy_only);
  expect_copy(fan_out.make_image(template_.get(), kBytes, dir_.get(), "image"));
}

TEST_P(FanOutTest, AnExistingNameIsLeftAlone) {
  FanOut fan_out(Rung::reflink, FanOutChoice::automatic);
  replace_file(dir_.get(), "image", "theirs", 0600, false);
  try {
    (void)fan_out.make_image(template_.get(), kBytes, dir_.get(), "image");
    FAIL();
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), EEXIST);
  }
  EXPECT_EQ(read_file(dir_.get(), "image"), "theirs");
}

TEST_P(FanOutTest, AFailureLeavesNothing) {
  FanOut fan_out(Rung::reflink, FanOutChoice::automatic);
  if (probe_reflink(filesystem_->path()).works) {  // a clone of another length than promised
    EXPECT_THROW((void)fan_out.make_image(template_.get(), kBytes + 4096, dir_.get(), "image"), Error);
  }
  // A real error of the clone is no reason to copy: a descriptor that cannot be read.
  Fd const write_only = open_at(dir_.get(), "template", O_WRONLY);
  EXPECT_THROW((void)fan_out.make_image(write_only.get(), kBytes, dir_.get(), "image"), Error);
  EXPECT_NE(::faccessat(dir_.get(), "image", F_OK, 0), 0);
}

TEST_P(FanOutTest, WhoInsistsOnReflinkIsToldWhy) {
  if (std::string(GetParam()) != "ext4") return;
  FanOut fan_out(Rung::reflink, FanOutChoice::reflink_only);
  EXPECT_THROW((void)fan_out.make_image(template_.get(), kBytes, dir_.get(), "image"), Error);
  EXPECT_EQ(fan_out.rung(), Rung::reflink);
  auto const words = probe_reflink(*filesystem_ / "none/yet").describe(*filesystem_ / "none/yet");
  EXPECT_NE(words.find("ancestor"), std::string::npos) << words;
  EXPECT_NE(words.find("statfs.f_type=0xef53"), std::string::npos) << words;
  auto const here = probe_reflink(filesystem_->path()).describe(filesystem_->path());
  EXPECT_EQ(here.find("ancestor"), std::string::npos) << here;
  EXPECT_EQ(here.find("no part of"), std::string::npos) << here;
}

TEST_P(FanOutTest, ADigestSeesContentAndPlaceButNoHoles) {
  auto const before = content_sha256(template_.get(), kBytes);
  FanOut fan_out(Rung::reflink, FanOutChoice::automatic);
  Fd const image = fan_out.make_image(template_.get(), kBytes, dir_.get(), "image");
  EXPECT_EQ(content_sha256(image.get(), kBytes), before);
  ASSERT_EQ(::pwrite(image.get(), "moved", 5, 1 << 20), 5);
  ASSERT_EQ(::fsync(image.get()), 0);
  EXPECT_NE(content_sha256(image.get(), kBytes), before);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, FanOutTest, ::testing::Values("xfs", "btrfs", "ext4"));

}  // namespace
}  // namespace templatefs::cache
