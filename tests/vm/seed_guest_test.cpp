// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/vm/seed_fixture.h"

#include <algorithm>
#include <cerrno>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SeedKinds : public SeedTest, public testing::WithParamInterface<std::string> {};
class SeedGuest : public SeedTest {};

std::vector<std::string> names_of(BuildReport const& report) {
  std::vector<std::string> out;
  for (auto const& phase : report.phases) out.push_back(phase.first);
  return out;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Guest, SeedKinds, testing::Values("btrfs", "ext4", "xfs"),
                         [](auto const& which) { return which.param; });

TEST_P(SeedKinds, EveryKindOfFileOfADirectorySurvives) {
  make_every_kind(scratch_ / "seed");
  auto const before = describe_tree(scratch_ / "seed");
  auto const report = build(seeded(GetParam(), 512, directory(scratch_ / "seed")));
  EXPECT_TRUE(report.mounted);
  EXPECT_THAT(names_of(report), ElementsAre("pack", "boot", "format", "mount", "fill", "sync"));
  EXPECT_EQ(phases_, names_of(report));
  EXPECT_TRUE(is_clean(*find_filesystem(GetParam()), image_));
  EXPECT_EQ(contents(GetParam()), before);
  EXPECT_EQ(describe_tree(scratch_ / "seed"), before) << "the seed itself was changed";
  EXPECT_LT(allocated_bytes(image_), 16 << 20) << "a hole was filled";
  EXPECT_THAT(files(), ElementsAre("image", "log", "mnt", "seed"));
}

TEST_F(SeedGuest, ATarAndItsCompressedFormsGiveTheSameFiles) {
  make_every_kind(scratch_ / "seed");
  auto const before = describe_tree(scratch_ / "seed");
  run({"tar", "--create", "--format=posix", "--xattrs", "--xattrs-include=*", "--acls", "--sparse", "--file",
       scratch_ / "seed.tar", "-C", scratch_ / "seed", "."});
  auto const report = build(seeded("ext4", 256, tar(scratch_ / "seed.tar")));
  EXPECT_THAT(names_of(report), ElementsAre("boot", "format", "mount", "fill", "sync"));
  EXPECT_EQ(contents("ext4"), before);
  run({"zstd", "-q", scratch_ / "seed.tar", "-o", scratch_ / "seed.tar.zst"});
  EXPECT_THAT(names_of(build(seeded("ext4", 256, tar(scratch_ / "seed.tar.zst")))),
              testing::Contains("pack"));
  EXPECT_EQ(contents("ext4"), before);
}

TEST_F(SeedGuest, AclsAsTextAreSet) {
  write_file(scratch_ / "seed/file", "x", 0640);
  run({"setfacl", "-m", "u:daemon:rwx,u:12345:r", scratch_ / "seed/file"});
  auto const before = describe_tree(scratch_ / "seed");
  run({"tar", "--create", "--format=posix", "--acls", "--file", scratch_ / "seed.tar", "-C",
       scratch_ / "seed", "."});
  (void)build(seeded("ext4", 16, tar(scratch_ / "seed.tar")));
  EXPECT_EQ(contents("ext4"), before);
}

TEST_F(SeedGuest, ASubtreeOfAnImage) {
  make_every_kind(scratch_ / "seed/sub/tree");
  auto const before = describe_tree(scratch_ / "seed/sub/tree");
  (void)build(seeded("ext4", 128, directory(scratch_ / "seed")));
  ASSERT_EQ(::rename(image_.c_str(), (scratch_ / "source").c_str()), 0);
  auto const report = build(seeded("xfs", 320, {Seed::Kind::image, scratch_ / "source", "/sub/tree"}));
  EXPECT_THAT(names_of(report), ElementsAre("boot", "format", "mount", "fill", "sync"));
  EXPECT_EQ(contents("xfs"), before);
  auto const error = error_of([&] {
    build(seeded("ext4", 64, {Seed::Kind::image, scratch_ / "source", "/absent"}));
  });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.sentence(), HasSubstr("/seed/absent"));
}

TEST_F(SeedGuest, AbsoluteNamesEndUpInside) {
  write_file(scratch_ / "seed/file", "inside");
  check(::link((scratch_ / "seed/file").c_str(), (scratch_ / "seed/hard").c_str()), "link", "file");
  run({"tar", "--create", "--absolute-names", "--file", scratch_ / "seed.tar", scratch_ / "seed"});
  (void)build(seeded("ext4", 16, tar(scratch_ / "seed.tar")));
  auto const found = contents("ext4", scratch_ / "seed");
  EXPECT_THAT(found.at("file"), HasSubstr(" = file"));
  EXPECT_THAT(found.at("hard"), HasSubstr(" = file"));
}

TEST_F(SeedGuest, WhatDoesNotFitIsEnospcWithASize) {
  // It has room by its own bytes; the filesystem needs some for itself.
  write_file(scratch_ / "seed/data", std::string((16 << 20) - 4096, 'x'));
  for (int i = 0; i < 10; ++i) write_file(scratch_ / ("seed/more" + std::to_string(i)), "y");
  auto const error = error_of([&] { build(seeded("ext4", 16, directory(scratch_ / "seed"))); });
  EXPECT_EQ(error.err(), ENOSPC);
  EXPECT_THAT(error.sentence(),
              HasSubstr(scratch_ / "seed" + " needs at least 17M, more than the capacity 16M"));
  EXPECT_THAT(phases_, testing::Contains("fill"));
}

TEST_F(SeedGuest, RunningOutOfInodesIsEnospcToo) {
  for (int i = 0; i < 400; ++i) write_file(scratch_ / ("seed/" + std::to_string(i)), "");
  auto spec = seeded("ext4", 16, directory(scratch_ / "seed"));
  spec.arguments = {"-N", "128"};
  EXPECT_EQ(error_of([&] { build(spec); }).err(), ENOSPC);
}

TEST_F(SeedGuest, WhatTheFilesystemCannotHoldFailsTheBuildWithTarsWords) {
  write_file(scratch_ / "seed/file", "x");
  run({"tar", "--create", "--format=posix", "--file", scratch_ / "seed.tar",
       "--pax-option=SCHILY.acl.access:=user::rw-\nuser:nobody-of-that-name:rwx\ngroup::r--\nmask::"
       "rwx\nother::r--\n",
       "-C", scratch_ / "seed", "."});
  auto const error = error_of([&] { build(seeded("ext4", 16, tar(scratch_ / "seed.tar"))); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.text(), HasSubstr("not all of the seed could be put in"));
  EXPECT_THAT(error.sentence(), HasSubstr("acl_from_text"));
}

TEST_F(SeedGuest, AHundredThousandFiles) {
  for (int i = 0; i < 100; ++i) {
    std::string const directory = scratch_ / ("seed/" + std::to_string(i));
    make_directories(AT_FDCWD, directory, 0755);
    for (int j = 0; j < 1000; ++j)
      (void)open_at(AT_FDCWD, directory + "/" + std::to_string(j), O_WRONLY | O_CREAT | O_EXCL, 0600);
  }
  auto const seed = directory(scratch_ / "seed");
  auto const capacity = comfortable_capacity(seed_size(seed));
  auto const start = Deadline::Clock::now();
  (void)build(seeded("ext4", capacity.mib(), seed));
  std::chrono::duration<double> const took = Deadline::Clock::now() - start;
  RecordProperty("seconds", std::to_string(took.count()));
  MountedImage const mounted(image_, "ext4", scratch_ / "mnt", MS_RDONLY);
  int count = 0;
  for (int i = 0; i < 100; ++i)
    for_each_entry(AT_FDCWD, mounted.path() + "/" + std::to_string(i), [&](std::string const&) { ++count; });
  EXPECT_EQ(count, 100'000);
}

TEST_F(SeedGuest, ManyMebibytesArrivePieceByPiece) {
  // More than the guest has memory.
  constexpr std::int64_t kBytes = 700 << 20;
  std::string const block(1 << 20, '\x5a');
  make_directories(AT_FDCWD, scratch_ / "seed", 0755);
  {
    Fd const fd = open_at(AT_FDCWD, scratch_ / "seed/big", O_WRONLY | O_CREAT, 0644);
    for (std::int64_t at = 0; at < kBytes; at += 1 << 20) write_all(fd.get(), block, "big");
  }
  (void)build(seeded("xfs", 1024, directory(scratch_ / "seed")));
  MountedImage const mounted(image_, "xfs", scratch_ / "mnt", MS_RDONLY);
  EXPECT_TRUE(succeeds({"cmp", mounted.path() + "/big", scratch_ / "seed/big"}));
}

}  // namespace templatefs::vm
