// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <gmock/gmock.h>

#include <sys/mman.h>
#include <unistd.h>

// Whose bytes are seen where.
namespace templatefs::test {

namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string whole(std::string const& path) {
  return file_sha256(path);
}

class SharedData : public OnEachStore {
 protected:
  std::string ext4_image(std::string const& name) const { return at("ext4/16M/" + name + ".img"); }
  /// The one template image of that recipe in the store.
  std::string template_image(std::string const& prefix) const {
    for (auto const& key : names_in_store(mount(), "templates"))
      if (key.starts_with(prefix)) return mount().store() + "/templates/" + key + "/template.img";
    return {};
  }
};

TEST_P(SharedData, PassthroughIsAsTheStoreAllows) {
  auto const held = open_file(image());
  EXPECT_EQ(xattr_of(image(), "user.templatefs.passthrough"), kind() == kThroughDaemon ? "no" : "yes");
  EXPECT_EQ(xattr_of(image(), "user.templatefs.fanout"), "reflink");
  // Said at the start already, when nobody had opened anything.
  EXPECT_THAT(mount().daemon().output(),
              HasSubstr(kind() == kThroughDaemon ? "passthrough no: the kernel refused" : "passthrough yes"));
}

TEST_P(SharedData, AnImageIsAFormattedDisk) {
  EXPECT_EQ(read_at(open_file(ext4_image("magic"), O_RDONLY).get(), 2, 1080), "\x53\xEF");
  EXPECT_EQ(read_at(open_file(at("btrfs/128M/magic.img"), O_RDONLY).get(), 8, 65600), "_BHRfS_M");
  EXPECT_EQ(read_at(open_file(at("xfs/300M/magic.img"), O_RDONLY).get(), 4, 0), "XFSB");
  EXPECT_EQ(read_at(open_file(at("raw/1M/magic.img"), O_RDONLY).get(), 4096, 0), std::string(4096, '\0'));
}

TEST_P(SharedData, ASecondOpenerSeesWhatTheFirstWrote) {
  auto const first = open_file(image());
  auto const second = open_file(image(), O_RDONLY);
  write_at(first.get(), "from the first", 5000);
  EXPECT_EQ(read_at(second.get(), 14, 5000), "from the first");
  Client other(
      [&] { return read_at(open_file(image(), O_RDONLY).get(), 14, 5000) == "from the first" ? 0 : 1; });
  EXPECT_EQ(other.wait(), 0);
}

TEST_P(SharedData, NoOtherImageAndNoTemplateEverDoes) {
  ASSERT_EQ(open_outcome(ext4_image("first"), O_RDWR), "ok");
  std::string const before = whole(template_image("ext4-16m-"));
  auto const modified = stat_of(template_image("ext4-16m-"));
  auto const image_before = whole(ext4_image("second"));
  EXPECT_EQ(image_before, before);

  auto const first = open_file(ext4_image("first"));
  for (off_t at = 0; at < 16 << 20; at += 1 << 20) write_at(first.get(), std::string(1 << 20, 'x'), at);
  ASSERT_EQ(outcome(::fsync(first.get())), "ok");
  EXPECT_EQ(whole(ext4_image("second")), image_before) << "one that was open before";
  EXPECT_EQ(whole(ext4_image("third")), before) << "one made afterwards";
  EXPECT_EQ(whole(template_image("ext4-16m-")), before);
  auto const st = stat_of(template_image("ext4-16m-"));
  EXPECT_EQ(st.st_mtim.tv_sec, modified.st_mtim.tv_sec);
  EXPECT_EQ(st.st_mtim.tv_nsec, modified.st_mtim.tv_nsec);
  EXPECT_EQ(st.st_ino, modified.st_ino);
  EXPECT_EQ(st.st_mode & 07777, 0444u);
}

TEST_P(SharedData, AReopenedImageHasItsContents) {
  write_at(open_file(image()).get(), "kept", 1 << 19);
  EXPECT_EQ(status_of(mount().mount_point())["images"]["open"], 0);
  EXPECT_EQ(read_at(open_file(image()).get(), 4, 1 << 19), "kept");
}

TEST_P(SharedData, UnlinkMakesTheNameAsNew) {
  write_at(open_file(ext4_image("unlinked")).get(), std::string(4096, 'x'), 0);
  EXPECT_EQ(outcome(::unlink(ext4_image("unlinked").c_str())), "ok");
  EXPECT_THAT(names_in(at("ext4/16M")), Not(Contains("unlinked.img")));
  EXPECT_EQ(outcome(::unlink(ext4_image("unlinked").c_str())), "ENOENT");
  auto const st = stat_of(ext4_image("unlinked"));
  EXPECT_EQ(st.st_blocks, 0);
  EXPECT_EQ(st.st_size, 16 << 20);
  EXPECT_EQ(read_at(open_file(ext4_image("unlinked")).get(), 1, 0), std::string(1, '\0'));
  EXPECT_EQ(whole(ext4_image("unlinked")), whole(template_image("ext4-16m-")));
}

TEST_P(SharedData, WhoHasItOpenKeepsItsDataAfterUnlink) {
  auto const held = open_file(image());
  write_at(held.get(), "old", 0);
  ASSERT_EQ(outcome(::unlink(image().c_str())), "ok");
  EXPECT_EQ(stat_of(held.get()).st_nlink, 0u);
  EXPECT_EQ(stat_of(held.get()).st_size, 1 << 20);
  auto const fresh = open_file(image());
  EXPECT_EQ(read_at(fresh.get(), 3, 0), std::string(3, '\0'));
  write_at(fresh.get(), "new", 0);
  EXPECT_EQ(read_at(held.get(), 3, 0), "old");
  write_at(held.get(), "still", 8);
  EXPECT_EQ(read_at(held.get(), 13, 0), std::string("old\0\0\0\0\0still", 13));
  EXPECT_EQ(outcome(::ftruncate(held.get(), 4096)), "ok");
  EXPECT_EQ(outcome(::fchmod(held.get(), 0640)), "ok");
  EXPECT_EQ(stat_of(image()).st_size, 1 << 20);
  EXPECT_EQ(stat_of(image()).st_mode & 0777, 0600u);
}

TEST_P(SharedData, MappingsOfTwoProcessesShareTheirWrites) {
  constexpr std::size_t kLength = 1 << 16;
  auto const file = open_file(image());
  auto* const mine =
      static_cast<char*>(::mmap(nullptr, kLength, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0));
  ASSERT_NE(mine, MAP_FAILED);
  std::copy_n("from the parent", 16, mine);
  Client other([&] {
    auto const own = open_file(image());
    auto* const theirs =
        static_cast<char*>(::mmap(nullptr, kLength, PROT_READ | PROT_WRITE, MAP_SHARED, own.get(), 0));
    if (theirs == MAP_FAILED || std::string(theirs) != "from the parent") return 1;
    std::copy_n("from the child", 15, theirs + 8192);
    return ::msync(theirs, kLength, MS_SYNC) == 0 ? 0 : 2;
  });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_STREQ(mine + 8192, "from the child");
  EXPECT_EQ(read_at(file.get(), 14, 8192), "from the child");
  write_at(file.get(), "by write", 12288);
  EXPECT_STREQ(mine + 12288, "by write");
  EXPECT_EQ(outcome(::munmap(mine, kLength)), "ok");
}

TEST_P(SharedData, CopyFileRangeCopiesBetweenImages) {
  auto const from = open_file(image("from"));
  auto const to = open_file(image("to"));
  std::string pattern;
  for (int each = 0; each < 8192; ++each) pattern += static_cast<char>('a' + each % 23);
  write_at(from.get(), pattern, 4096);
  loff_t in = 4096;
  loff_t out = 65536;
  std::size_t left = pattern.size();
  while (left > 0) {
    auto const copied = ::copy_file_range(from.get(), &in, to.get(), &out, left, 0);
    ASSERT_GT(copied, 0) << outcome(copied);
    left -= static_cast<std::size_t>(copied);
  }
  EXPECT_EQ(read_at(to.get(), pattern.size(), 65536), pattern);
  EXPECT_EQ(read_at(from.get(), pattern.size(), 4096), pattern);
  // What the kernel had cached of the target must not survive the copy.
  write_at(from.get(), "changed", 4096);
  in = 4096;
  out = 65536;
  ASSERT_EQ(::copy_file_range(from.get(), &in, to.get(), &out, 4096, 0), 4096);
  EXPECT_EQ(read_at(to.get(), 7, 65536), "changed");
  EXPECT_EQ(read_at(open_file(image("to"), O_RDONLY).get(), 7, 65536), "changed");
}

INSTANTIATE_ON_ALL_STORES(SharedData);

}  // namespace

}  // namespace templatefs::test
