// SPDX-License-Identifier: Apache-2.0
#include "vm/restamp.h"

#include "base/fd.h"
#include "base/files.h"
#include "tests/support/mounted_image.h"
#include "tests/vm/restamp_fixture.h"
#include "vm/image_draft.h"

#include <cerrno>
#include <ostream>
#include <set>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::HasSubstr;

constexpr std::int64_t kMiB = 1 << 20;

class Restamped : public RestampTest, public testing::WithParamInterface<std::string_view> {};

/// What the formatter may be told, and where the second superblock then is, from the first one's place.
struct Variant {
  std::string_view filesystem;
  std::int64_t mib;
  std::vector<std::string> arguments;
  std::int64_t copy;
};

void PrintTo(Variant const& variant, std::ostream* out) {
  *out << variant.filesystem << " " << variant.mib << "M";
  for (auto const& argument : variant.arguments) *out << " " << argument;
}

class RestampedVariant : public RestampTest, public testing::WithParamInterface<Variant> {};

class RestampedExt : public RestampTest {};

class RestampRefuses : public RestampTest {
 protected:
  Error refusal() {
    auto const image = copy(image_, "refused");
    auto error = error_of([&] { stamp(image); });
    EXPECT_TRUE(succeeds({"cmp", image_, image})) << "it was changed";
    return error;
  }
};

class RestampedXfs : public RestampTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || !test::kernel_mounts("xfs")) GTEST_SKIP() << "needs root and xfs: loop mounts";
  }
  /// How often the log was begun: in its first sector, behind a record's magic number where it begins with
  /// one.
  static std::uint32_t log_cycle(std::string const& image) {
    Fd const file = open_at(AT_FDCWD, image, O_RDONLY);
    ImageDraft draft(file.get(), file.get());
    auto bytes = draft.read(0, 512);
    ImageFields const superblock(bytes);
    auto const start = superblock.big<std::uint64_t>(48);
    auto const group = std::int64_t{superblock.big<std::uint32_t>(84)} * 4096;
    auto const block = static_cast<std::int64_t>(start & ((1U << bytes[124]) - 1)) * 4096;
    bytes = draft.read(static_cast<std::int64_t>(start >> bytes[124]) * group + block, 512);
    ImageFields const sector(bytes);
    return sector.big<std::uint32_t>(sector.has(0, "\xFE\xED\xBA\xBE") ? 4 : 0);
  }
  static void sync(test::MountedImage const& mounted) {
    Fd const directory = open_at(AT_FDCWD, mounted.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(::syncfs(directory.get()), 0);
  }
  /// The image as a machine leaves it that loses power after a sync.
  std::string crashed_copy(std::string const& image) {
    test::MountedImage const mounted(image, "xfs", scratch_ / "crashing");
    replace_file(AT_FDCWD, mounted.path() + "/synced", "synced", 0600, false);
    sync(mounted);
    return copy(image, "crashed");
  }
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Guest, Restamped,
                         testing::Values("btrfs", "ext2", "ext3", "ext4", "xfs", "f2fs", "vfat"),
                         [](auto const& which) { return std::string(which.param); });

TEST_P(Restamped, AtItsMinimum) {
  build_in_guest(GetParam(), find_filesystem(GetParam())->minimum_bytes / kMiB);
  expect_copies_apart();
}

TEST_P(Restamped, AtHalfAGibibyte) {
  build_in_guest(GetParam(), 512);
  expect_copies_apart();
}

TEST_P(Restamped, AtOneTebibyte) {
  // Of the elder ones e2fsck walks that much for half a minute.
  bool const slow = GetParam() == "ext2" || GetParam() == "ext3";
  build_in_guest(GetParam(), slow ? 64 << 10 : 1 << 20);
  expect_copies_apart(1);
}

INSTANTIATE_TEST_SUITE_P(
    Host, RestampedVariant,
    testing::Values(Variant{"btrfs", 512, {}, 64 * kMiB - (64 << 10)},
                    Variant{"btrfs", 512, {"--csum", "xxhash"}, 64 * kMiB - (64 << 10)},
                    Variant{"btrfs", 512, {"--csum", "sha256"}, 64 * kMiB - (64 << 10)},
                    Variant{"btrfs", 64, {"--mixed"}, 0},  // too small for a second one
                    Variant{"ext4", 512, {}, 128 * kMiB - 1024},
                    Variant{"ext4", 512, {"-b", "1024"}, 8 * kMiB},
                    Variant{"ext4", 512, {"-O", "^metadata_csum"}, 128 * kMiB - 1024},
                    Variant{"ext4", 512, {"-O", "metadata_csum_seed"}, 128 * kMiB - 1024},
                    Variant{"ext4", 512, {"-O", "sparse_super2"}, 128 * kMiB - 1024},
                    Variant{"ext4", 512, {"-O", "bigalloc,^resize_inode"}, 0},
                    Variant{"ext2", 512, {"-O", "^sparse_super,^resize_inode"}, 256 * kMiB - 1024},
                    Variant{"ext3", 64, {"-b", "1024"}, 8 * kMiB}, Variant{"xfs", 512, {}, 128 * kMiB},
                    Variant{"xfs", 512, {"-b", "size=1024"}, 128 * kMiB},
                    Variant{"xfs", 512, {"-s", "size=4096"}, 128 * kMiB},
                    Variant{"xfs", 512, {"-l", "su=256k"}, 128 * kMiB}, Variant{"f2fs", 512, {}, 4096},
                    Variant{"f2fs", 512, {"-O", "extra_attr,sb_checksum"}, 4096},
                    Variant{"vfat", 512, {"-F", "32"}, 3072}, Variant{"vfat", 4, {"-F", "12"}, 0},
                    Variant{"vfat", 512, {"-F", "32", "-S", "4096"}, 24 << 10}));

TEST_P(RestampedVariant, StaysWhole) {
  auto const& variant = GetParam();
  build_on_host(variant.filesystem, variant.mib, variant.arguments);
  auto const image = copy(image_, "copy");
  stamp(image);
  if (variant.copy != 0) {
    EXPECT_EQ(uuid_of(image, variant.copy), uuid_of(image));
  }
  expect_copies_apart();
}

TEST_F(RestampedExt, HasNoOtherBlockChanged) {
  build_on_host("ext4", 256, {"-b", "4096"});
  auto const image = copy(image_, "copy");
  stamp(image);
  auto const before = read_file(AT_FDCWD, image_, 256 * kMiB);
  auto const after = read_file(AT_FDCWD, image, 256 * kMiB);
  ASSERT_EQ(before.size(), after.size());
  std::set<std::size_t> blocks;
  for (std::size_t i = 0; i < before.size(); i += 4096)
    if (before.compare(i, 4096, after, i, 4096) != 0) blocks.insert(i / 4096);
  EXPECT_THAT(blocks, testing::ElementsAre(0, 32768)) << "the superblocks of groups 0 and 1";
}

TEST_F(RestampRefuses, WhatItDoesNotKnow) {
  for (auto const& row : filesystems())
    EXPECT_EQ(can_restamp(row),
              row.name != "exfat" && row.name != "ntfs" && row.name != "swap" && row.name != "raw")
        << row.name;
  build_on_host("swap", 16, {});
  EXPECT_EQ(refusal().err(), EOPNOTSUPP);
}

TEST_F(RestampRefuses, WhatIsSomethingElse) {
  build_on_host("ext4", 16, {});
  Fd const file = open_at(AT_FDCWD, image_, O_RDWR);
  EXPECT_EQ(error_of([&] { restamp(*find_filesystem("btrfs"), file.get()); }).err(), EIO);
}

TEST_F(RestampRefuses, MetadataBoundToTheUuid) {
  auto const refused = [&](std::string_view filesystem, std::vector<std::string> arguments) {
    build_on_host(filesystem, 512, std::move(arguments));
    auto const error = refusal();
    EXPECT_EQ(error.err(), EOPNOTSUPP) << error.sentence();
    return error.sentence();
  };
  EXPECT_THAT(refused("ext4", {"-O", "^metadata_csum,uninit_bg"}), HasSubstr("-O ^uninit_bg"));
  EXPECT_THAT(refused("ext4", {"-O", "stable_inodes"}), HasSubstr("stable_inodes"));
  EXPECT_THAT(refused("btrfs", {"--csum", "blake2"}), HasSubstr("BLAKE2"));
  EXPECT_THAT(refused("f2fs", {"-O", "extra_attr,inode_checksum"}), HasSubstr("inode_checksum"));
  EXPECT_THAT(refused("xfs", {"-m", "crc=0"}), HasSubstr("version 4"));
}

TEST_F(RestampRefuses, ATornCopyOfTheSuperblock) {
  build_on_host("ext4", 512, {});
  {
    Fd const file = open_at(AT_FDCWD, image_, O_RDWR);
    ASSERT_EQ(::pwrite(file.get(), "\0\0", 2, 128 * kMiB + 0x38), 2);
  }
  EXPECT_THAT(refusal().sentence(), HasSubstr("no superblock at 134217728"));
}

TEST_F(RestampedXfs, IsRefusedWhileItsLogMustBeReplayed) {
  build_on_host("xfs", 512, {});
  auto const crashed = crashed_copy(image_);
  Fd const file = open_at(AT_FDCWD, crashed, O_RDWR);
  auto const error = error_of([&] { restamp(row(), file.get()); });
  EXPECT_EQ(error.err(), EOPNOTSUPP);
  EXPECT_THAT(error.sentence(), HasSubstr("log"));
}

TEST_F(RestampedXfs, ReplaysWhatItLoggedSince) {
  build_in_guest("xfs", 512);
  auto const image = copy(image_, "stamped");
  stamp(image);
  auto const crashed = crashed_copy(image);
  {
    test::MountedImage const mounted(crashed, "xfs", scratch_ / "recovered");
    EXPECT_EQ(read_file(AT_FDCWD, mounted.path() + "/synced"), "synced");
  }
  EXPECT_TRUE(is_clean(row(), crashed));
}

TEST_F(RestampedXfs, WithALogThatHasBeenFilledAndBegunAnew) {
  build_on_host("xfs", 512, {"--unsupported", "-l", "size=16m"});  // the least is 64M nowadays
  {
    test::MountedImage const mounted(image_, "xfs", scratch_ / "busy");
    // A long target is a block of its own, which is logged.
    for (int round = 0; round < 60; ++round) {
      for (int i = 0; i < 400; ++i) {
        auto const path = mounted.path() + "/" + std::to_string(i);
        (void)::unlink(path.c_str());
        ASSERT_EQ(::symlink(std::string(1000, 'n').c_str(), path.c_str()), 0);
      }
      sync(mounted);
    }
  }
  EXPECT_GE(log_cycle(image_), 2u);
  expect_copies_apart();
}

}  // namespace templatefs::vm
