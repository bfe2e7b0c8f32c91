// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/stored_names.h"
#include "tests/support/temp_dir.h"

#include <vector>

#include <gmock/gmock.h>

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

// Images that are copied out of a mount.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Whether every extent of a file is shared with another one, and there is one.
bool shares_all_blocks(std::string const& path) {
  constexpr unsigned kMost = 64;
  std::vector<char> buffer(sizeof(fiemap) + kMost * sizeof(fiemap_extent));
  auto& map = *reinterpret_cast<fiemap*>(buffer.data());
  map.fm_length = FIEMAP_MAX_OFFSET;
  map.fm_flags = FIEMAP_FLAG_SYNC;
  map.fm_extent_count = kMost;
  check(::ioctl(open_file(path, O_RDONLY).get(), FS_IOC_FIEMAP, &map), "map", path);
  bool all = map.fm_mapped_extents > 0;
  for (unsigned each = 0; each < map.fm_mapped_extents; ++each)
    all = all && (map.fm_extents[each].fe_flags & FIEMAP_EXTENT_SHARED) != 0;
  return all;
}

class Save : public WithStoredNames {
 protected:
  static constexpr std::int64_t kBytes = std::int64_t{1} << 30;
  /// Data at its two ends and a hole between them.
  std::string make_sparse() const { return make_image("saved text", kBytes); }
  static std::string save(std::vector<std::string> words) {
    words.insert(words.begin(), "save");
    auto const output = run_program(words);
    EXPECT_TRUE(output.status.success()) << output.text;
    return output.text;
  }
  static void expect_copy(std::string const& path) {
    EXPECT_EQ(stat_of(path).st_size, kBytes);
    EXPECT_LT(stat_of(path).st_blocks, 2048) << "its hole was written";
    EXPECT_EQ(text_in(path, 10), "saved text");
    EXPECT_EQ(read_at(open_file(path, O_RDONLY).get(), 3, kBytes - 3), "end");
  }
};

TEST_P(Save, SharesBlocksOnTheStoresFilesystem) {
  auto const image = make_sparse();
  std::string const target = mount().beside(name());
  EXPECT_THAT(save({image, target}), AllOf(HasSubstr("saved " + target + ": 1G"), HasSubstr("reflinked")));
  expect_copy(target);
  EXPECT_TRUE(shares_all_blocks(target));
  EXPECT_EQ(stat_of(target).st_mode & 0777, 0600u) << "no more people may read it than the image";
}

TEST_P(Save, CopiesElsewhereAndKeepsTheHoles) {
  auto const image = make_sparse();
  LoopFilesystem const elsewhere("ext4", std::int64_t{128} << 20);
  EXPECT_THAT(save({image, elsewhere / "copy"}), HasSubstr("copied"));
  expect_copy(elsewhere / "copy");
  EXPECT_THAT(names_in(elsewhere.path()), ElementsAre("copy", "lost+found"));
}

TEST_P(Save, OverwritesNothingUnlessItIsTold) {
  auto const image = make_sparse();
  TempDir const dir;
  replace_file(AT_FDCWD, dir / "there", "mine", 0644, false);
  auto const refused = run_program({"save", image, dir / "there"});
  EXPECT_EQ(refused.status.describe(), "exit status 1");
  EXPECT_THAT(refused.text, AllOf(HasSubstr("File exists"), HasSubstr("--force")));
  EXPECT_EQ(contents(dir / "there"), "mine");
  EXPECT_EQ(save({image, dir / "there", "--force", "-q"}), "");
  expect_copy(dir / "there");
  EXPECT_THAT(names_in(dir.path()), ElementsAre("there"));
}

TEST_P(Save, KeepsTheNameInADirectory) {
  auto const image = make_sparse();
  TempDir const dir;
  save({image, dir.path()});
  expect_copy(dir / image.substr(image.rfind('/') + 1));
}

TEST_P(Save, WorksForTheOwnerOfAnImageWhoMayNotLookIntoTheStore) {
  constexpr uid_t kOwner = 12345;
  std::string const path = image("of-another");
  EXPECT_EQ(outcome_as(kOwner,
                       [&] {
                         int const fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
                         return ::pwrite(fd, "theirs", 6, kTextAt) == 6 && ::fsync(fd) == 0 ? 0L : -1L;
                       }),
            "ok");
  TempDir const dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0777), 0);
  std::string const target = dir / "copy";
  auto const status_as = [&](uid_t uid) {
    return Client([&] { return run_program({"save", path, target, "-q"}).status.code; }, uid).wait();
  };
  EXPECT_EQ(status_as(kOwner + 1), 1) << "it is not theirs to read";
  EXPECT_EQ(status_as(kOwner), 0);
  EXPECT_EQ(text_in(target, 6), "theirs");
  EXPECT_EQ(stat_of(target).st_uid, kOwner);
}

TEST_P(Save, AFailureLeavesNoFile) {
  auto const image = make_image("too much", std::int64_t{64} << 20);
  {
    auto const file = open_file(image);
    ASSERT_EQ(::fallocate(file.get(), 0, 0, 64 << 20), 0);
    std::string const block(1 << 20, 'x');
    for (off_t offset = 0; offset < 64 << 20; offset += 1 << 20) write_at(file.get(), block, offset);
  }
  LoopFilesystem const small("ext4", std::int64_t{32} << 20);
  auto const output = run_program({"save", image, small / "copy"});
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, HasSubstr("No space left on device"));
  EXPECT_THAT(names_in(small.path()), ElementsAre("lost+found"));
  EXPECT_THAT(run_program({"save", WithStoredNames::image("never"), small / "copy"}).text,
              HasSubstr("nobody has opened it yet"));
}

INSTANTIATE_ON_ALL_STORES(Save);

}  // namespace

}  // namespace templatefs::test
