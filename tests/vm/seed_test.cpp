// SPDX-License-Identifier: Apache-2.0
#include "vm/seed.h"

#include "base/digest.h"
#include "base/files.h"
#include "tests/vm/seed_fixture.h"
#include "vm/host_builder.h"
#include "vm/seed_disk.h"

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

class Seeds : public SeedFileTest {};

}  // namespace

TEST_F(Seeds, ADirectorysSizeCountsDataOnce) {
  write_file(scratch_ / "seed/a", std::string(10'000, 'a'));
  check(::link((scratch_ / "seed/a").c_str(), (scratch_ / "seed/b").c_str()), "link", "a");
  make_image(scratch_ / "seed/hole", 1LL << 40);
  auto const size = seed_size(directory(scratch_ / "seed"));
  EXPECT_EQ(size.data, 10'000);
  EXPECT_EQ(size.entries, 4);
  EXPECT_EQ(seed_bytes(directory(scratch_ / "seed")), 10'000 + 4 * 256);
}

TEST_F(Seeds, ATarsSizeIsThatOfItsDirectory) {
  write_file(scratch_ / "seed/a", std::string(10'000, 'a'));
  check(::link((scratch_ / "seed/a").c_str(), (scratch_ / "seed/b").c_str()), "link", "a");
  make_image(scratch_ / "seed/hole", 1LL << 30);
  auto const plain = pack({"--sparse", "--format=posix"});
  EXPECT_EQ(seed_bytes(tar(plain)), 10'000 + 4 * 256);
  for (auto const& how : compressors()) EXPECT_EQ(seed_bytes(tar(compress(plain, how))), 10'000 + 4 * 256);
}

TEST_F(Seeds, AnAutomaticCapacityHasRoom) {
  EXPECT_EQ(comfortable_capacity(SeedSize{}).canonical(), "512M");
  EXPECT_EQ(comfortable_capacity({128 << 20, 0}).canonical(), "512M");
  EXPECT_EQ(comfortable_capacity({(128 << 20) + 1, 0}).canonical(), "576M");
  EXPECT_EQ(comfortable_capacity({1 << 30, 0}).canonical(), "2304M");
  EXPECT_GT(comfortable_capacity({0, 100'000}).bytes() / 16384, 100'000) << "ext4 would lack inodes";
  write_file(scratch_ / "seed/data", std::string(136 << 20, 'x'));
  EXPECT_EQ(comfortable_capacity(directory(scratch_ / "seed")).canonical(), "576M");
  write_file(scratch_ / "image", std::string(136 << 20, 'x'));
  EXPECT_EQ(comfortable_capacity({Seed::Kind::image, scratch_ / "image", "/"}).canonical(), "576M")
      << "by what it has allocated";
}

TEST_F(Seeds, ALargeOneHasMoreTime) {
  auto const seed = directory(scratch_ / "seed");
  EXPECT_EQ(fill_time(seed, {}).count(), 0);
  EXPECT_EQ(fill_time(seed, {1 << 30, 100'000}).count(), 256 + 400);
  write_file(scratch_ / "image", std::string(8 << 20, 'x'));
  EXPECT_EQ(fill_time({Seed::Kind::image, scratch_ / "image", "/"}, {}).count(), 2)
      << "by what it has allocated";
}

TEST_F(Seeds, ADirectorysDigestSeesEveryChange) {
  write_file(scratch_ / "seed/deep/file", "one");
  auto const seed = directory(scratch_ / "seed");
  auto last = seed_digest(seed);
  EXPECT_EQ(seed_digest(seed), last);
  struct stat before {};
  ASSERT_EQ(::stat((scratch_ / "seed/deep/file").c_str(), &before), 0);
  auto const expect_change = [&](char const* what) {
    auto const now = seed_digest(seed);
    EXPECT_NE(now, last) << what;
    last = now;
  };
  write_file(scratch_ / "seed/deep/file", "two");
  timespec const times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, (scratch_ / "seed/deep/file").c_str(), times, 0), 0);
  expect_change("contents of the same size and time");
  ASSERT_EQ(::chmod((scratch_ / "seed/deep").c_str(), 0711), 0);
  expect_change("a mode");
  run({"setfattr", "-n", "user.a", "-v", "b", scratch_ / "seed/deep"});
  expect_change("an attribute");
  ASSERT_EQ(::symlink("x", (scratch_ / "seed/deep/link").c_str()), 0);
  expect_change("a name");
  ASSERT_EQ(::chmod((scratch_ / "seed").c_str(), 0711), 0);
  expect_change("the directory's own mode");
  (void)read_file(AT_FDCWD, scratch_ / "seed/deep/file");
  EXPECT_EQ(seed_digest(seed), last) << "reading changes nothing";
}

TEST_F(Seeds, ATarsDigestIsThatOfTheFile) {
  auto const plain = pack();
  EXPECT_EQ(seed_digest(tar(plain)), file_sha256(plain));
  EXPECT_NE(seed_digest({Seed::Kind::image, plain, "/a"}), seed_digest({Seed::Kind::image, plain, "/b"}));
}

TEST_F(Seeds, WhatCannotFitIsEnospcBeforeAnyGuest) {
  write_file(scratch_ / "seed/data", std::string(20 << 20, 'x'));
  options_.qemu = "/bin/false";
  for (auto const& seed : {directory(scratch_ / "seed"), tar(pack())}) {
    auto const error = error_of([&] { build(seeded("ext4", 16, seed)); });
    EXPECT_EQ(error.err(), ENOSPC);
    EXPECT_THAT(error.text(),
                HasSubstr("the seed " + seed.path + " needs at least 21M, more than the capacity 16M"));
    EXPECT_THAT(error.remedy(), HasSubstr("room to spare in 512M"));
    EXPECT_TRUE(phases_.empty());
  }
}

TEST_F(Seeds, OtherTarsAreRefused) {
  write_script(scratch_ / "bin/tar", "echo 'bsdtar 3'");
  ScopedVariable const path("PATH", scratch_ / "bin" + ":/bin");
  EXPECT_EQ(error_of([&] { find_archiver(); }).err(), ENOPKG);
  ScopedVariable const nowhere("PATH", scratch_ / "absent");
  EXPECT_THAT(error_of([&] { find_archiver(); }).remedy(), HasSubstr("Install the tar package"));
}

TEST_F(Seeds, InputsNameTheSeedAndTheArchiver) {
  auto const fields = [&](Seed const& seed) {
    std::vector<std::string> out;
    for (auto const& input : builder().inputs(seeded("ext4", 64, seed))) out.push_back(input.field);
    out.erase(out.begin(), std::find(out.begin(), out.end(), "guest_init") + 1);
    return out;
  };
  EXPECT_THAT(fields(directory(scratch_ / "seed")),
              ElementsAre("seed", "archiver_version", "archiver_digest", "archiver_libraries"));
  EXPECT_THAT(fields(tar(pack())),
              ElementsAre("seed", "archiver_version", "archiver_digest", "archiver_libraries", "seed_names"));
  EXPECT_THAT(builder().watched_files(seeded("ext4", 64, directory(scratch_ / "seed"))),
              testing::IsSupersetOf({scratch_ / "seed", find_on_path("tar")}));
}

TEST_F(Seeds, NeedAGuestAndAFilesystem) {
  auto const seed = directory(scratch_ / "seed");
  auto const refused = [](auto&& call) {
    auto const error = error_of(call);
    EXPECT_EQ(error.err(), EOPNOTSUPP);
    return error.sentence();
  };
  HostBuilder host({});
  EXPECT_THAT(refused([&] { host.inputs(seeded("ext4", 64, seed)); }), HasSubstr("--builder=guest"));
  EXPECT_THAT(refused([&] { host.build(seeded("ext4", 64, seed), image_, log_, {}, {}); }),
              HasSubstr(seed.path));
  EXPECT_THAT(refused([&] { builder().inputs(seeded("raw", 64, seed)); }),
              HasSubstr("fill raw from the seed"));
  EXPECT_THAT(refused([&] { build(seeded("raw", 64, seed)); }), HasSubstr("that the guest can mount"));
}

TEST_F(Seeds, AnImageMustHoldAFilesystemWeKnow) {
  make_image(scratch_ / "blank", 4 << 20);
  auto const refused = [&](std::string const& subpath) {
    auto const error = error_of([&] {
      filesystem_in_image({Seed::Kind::image, scratch_ / "blank", subpath});
    });
    EXPECT_EQ(error.err(), EINVAL);
    return error.sentence();
  };
  EXPECT_THAT(refused("/"), HasSubstr("without partitions"));
  EXPECT_THAT(refused("etc"), HasSubstr("begins with /"));
  EXPECT_THAT(refused("/a/../../b"), HasSubstr("no .. in it"));
  run({"mkfs.ext4", "-q", scratch_ / "blank"});
  EXPECT_EQ(filesystem_in_image({Seed::Kind::image, scratch_ / "blank", "/"}).name, "ext4");
}

}  // namespace templatefs::vm
