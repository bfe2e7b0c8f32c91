// SPDX-License-Identifier: Apache-2.0
#include "vm/seed_disk.h"

#include "base/digest.h"
#include "base/files.h"
#include "tests/vm/seed_fixture.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SeedDisks : public SeedFileTest {
 protected:
  SeedDisk disk(Seed const& seed) {
    ConsoleLog log(log_);
    return {seed,
            find_archiver(),
            {scratch_.path(), log, Deadline::after(std::chrono::seconds(60)), stop_.get_token()}};
  }
  std::string truncated(std::string const& path, std::int64_t bytes) {
    run({"cp", path, path + ".cut"});
    check(::truncate((path + ".cut").c_str(), bytes), "truncate", path);
    return path + ".cut";
  }
  void expect_refused(Seed const& seed, std::string const& words) {
    SCOPED_TRACE(seed.path);
    auto const before = files();
    for (auto const& error : {error_of([&] { seed_bytes(seed); }), error_of([&] { disk(seed); })}) {
      EXPECT_EQ(error.err(), EINVAL);
      EXPECT_THAT(error.text(), HasSubstr("the seed " + seed.path));
      EXPECT_THAT(error.text(), HasSubstr(words));
    }
    ::unlink(log_.c_str());
    EXPECT_EQ(files(), before);
  }
};

std::int64_t size_of(std::string const& path) {
  struct stat st {};
  check(::stat(path.c_str(), &st), "stat", path);
  return st.st_size;
}

std::string bytes_of(SeedDisk const& disk) {
  return sha256(read_file(AT_FDCWD, "/proc/self/fd/" + std::to_string(disk.file().get())));
}

}  // namespace

TEST_F(SeedDisks, CompressedFormsAreThePlainOneByteForByte) {
  write_file(scratch_ / "seed/a", std::string(3'000'000, 'a'));
  write_file(scratch_ / "seed/b", read_file(AT_FDCWD, find_on_path("tar")));
  auto const plain = pack();
  auto const expected = file_sha256(plain);
  EXPECT_FALSE(must_be_packed(tar(plain)));
  EXPECT_EQ(bytes_of(disk(tar(plain))), expected);
  for (auto const& how : compressors()) {
    auto const compressed = compress(plain, how);
    EXPECT_TRUE(must_be_packed(tar(compressed)));
    auto const made = disk(tar(compressed));
    EXPECT_EQ(bytes_of(made), expected) << compressed;
    EXPECT_EQ(made.bytes(), size_of(plain));
    EXPECT_EQ(made.size().bytes(), seed_bytes(tar(plain)));
  }
}

TEST_F(SeedDisks, ADirectoryIsPackedTheSameEveryTime) {
  write_file(scratch_ / "seed/b", "b");
  write_file(scratch_ / "seed/a", "a");
  auto const first = bytes_of(disk(directory(scratch_ / "seed")));
  EXPECT_EQ(bytes_of(disk(directory(scratch_ / "seed"))), first);
  EXPECT_THAT(files(), ElementsAre("log", "seed"));
}

TEST_F(SeedDisks, BytesDoNotGoThroughMemory) {
  make_image(scratch_ / "seed/zeroes", 600 << 20);
  auto const compressed = compress(pack(), {"zstd", ".zst"});
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  EXPECT_GT(disk(tar(compressed)).bytes(), 600 << 20);
  EXPECT_GE(disk(directory(scratch_ / "seed")).bytes(), 512);
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 << 10) << "KiB";
}

TEST_F(SeedDisks, WhatIsCutShortIsRefusedBeforeAnyGuest) {
  write_file(scratch_ / "seed/a", read_file(AT_FDCWD, find_on_path("tar")));
  write_file(scratch_ / "seed/b", std::string(100'000, 'b'));
  auto const plain = pack({"--sort=name"});
  auto const bytes = size_of(plain);
  for (auto const cut : {bytes / 2, bytes / 2 + 100, std::int64_t{1000}, std::int64_t{300}})
    expect_refused(tar(truncated(plain, cut)), "");
  for (auto const& how : compressors()) {
    auto const compressed = compress(plain, how);
    for (auto const cut : {size_of(compressed) / 2, size_of(compressed) - 9, std::int64_t{20}})
      expect_refused(tar(truncated(compressed, cut)), "");
  }
}

TEST_F(SeedDisks, WhatIsNoTarIsRefusedWithWhatWouldBe) {
  write_file(scratch_ / "text", std::string(10'000, '?'));
  write_file(scratch_ / "empty", "");
  run({"/bin/sh", "-c", "gzip -c " + scratch_ / "text" + " >" + scratch_ / "text.gz"});
  for (auto const* name : {"text", "empty", "text.gz"}) expect_refused(tar(scratch_ / name), "");
  EXPECT_THAT(error_of([&] { seed_bytes(tar(scratch_ / "text")); }).remedy(),
              HasSubstr("A seed is a directory, or a tar"));
  ASSERT_EQ(::mkfifo((scratch_ / "fifo").c_str(), 0600), 0);
  expect_refused(tar(scratch_ / "fifo"), "no regular file");
  EXPECT_EQ(error_of([&] { seed_bytes(tar(scratch_ / "absent")); }).err(), ENOENT);
  EXPECT_EQ(error_of([&] { seed_bytes(directory(scratch_ / "absent")); }).err(), ENOENT);
  EXPECT_EQ(error_of([&] { seed_bytes(directory(scratch_ / "text")); }).err(), ENOTDIR);
}

TEST_F(SeedDisks, MembersThatLeadOutAreRefused) {
  write_file(scratch_ / "outside", "x");
  write_file(scratch_ / "seed/a", "x");
  ASSERT_EQ(::link((scratch_ / "seed/a").c_str(), (scratch_ / "seed/b").c_str()), 0);
  run({"tar", "--create", "--absolute-names", "--file", scratch_ / "up.tar", "-C", scratch_ / "seed",
       "../outside"});
  expect_refused(tar(scratch_ / "up.tar"), "../outside leads out of it");
  auto const linked = pack({"--absolute-names", "--sort=name", "--transform=s,^./a$,../../a,RS"});
  expect_refused(tar(linked), "../../a leads out of it");
  write_file(scratch_ / "seed/..b", "two dots may begin a name");
  write_file(scratch_ / "seed/...", "or be all of it");
  EXPECT_GT(seed_bytes(tar(pack())), 0);
}

TEST_F(SeedDisks, AChangeWhileItIsReadIsNoticed) {
  write_file(scratch_ / "seed/a", "x");
  auto const real = find_on_path("tar");
  write_script(scratch_ / "bin/tar", "case $1 in --version) ;; *) echo more >>" + scratch_ / "seed/a" +
                                         ";; esac\nexec " + real + " \"$@\"");
  {
    ScopedVariable const path("PATH", scratch_ / "bin" + ":/bin");
    EXPECT_EQ(error_of([&] { disk(directory(scratch_ / "seed")); }).err(), EAGAIN);
  }
  auto const archive = pack();
  auto const made = disk(tar(archive));
  made.require_unchanged();
  write_file(archive, "another");
  EXPECT_EQ(error_of([&] { made.require_unchanged(); }).err(), EAGAIN);
}

TEST_F(SeedDisks, APackerThatFailsIsEioWithItsWords) {
  write_script(scratch_ / "bin/tar",
               "case $1 in --version) echo 'tar (GNU tar) 1';; *) echo 'it broke' >&2; exit 2;; esac");
  ScopedVariable const path("PATH", scratch_ / "bin" + ":/bin");
  auto const error = error_of([&] { disk(directory(scratch_ / "seed")); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.sentence(), HasSubstr("it broke"));
  EXPECT_THAT(files(), ElementsAre("bin", "log", "seed"));
}

TEST_F(SeedDisks, AStopRequestEndsThePacking) {
  write_script(scratch_ / "bin/tar",
               "case $1 in --version) echo 'tar (GNU tar) 1';; *) exec sleep 60;; esac");
  ScopedVariable const path("PATH", scratch_ / "bin" + ":/bin");
  std::jthread const stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop_.request_stop();
  });
  auto const start = Deadline::Clock::now();
  EXPECT_EQ(error_of([&] { disk(directory(scratch_ / "seed")); }).err(), ECANCELED);
  EXPECT_LT(Deadline::Clock::now() - start, std::chrono::seconds(3));
}

}  // namespace templatefs::vm
