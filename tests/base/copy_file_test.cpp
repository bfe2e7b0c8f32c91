// SPDX-License-Identifier: Apache-2.0
#include "base/copy_file.h"

#include "base/error.h"
#include "base/files.h"
#include "base/printable.h"
#include "tests/support/leak_check.h"
#include "tests/support/temp_dir.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

class CopyFile : public LeakCheck {
 protected:
  static constexpr std::int64_t kBytes = std::int64_t{1} << 30;
  static std::string at(Fd const& fd, std::int64_t offset) {
    std::string bytes(4, '\0');
    check(::pread(fd.get(), bytes.data(), bytes.size(), offset), "read", "a copy");
    return bytes;
  }
  TempDir const dir_;
};

TEST_F(CopyFile, KeepsHolesAndTellsHowFarItIs) {
  Fd const from = make_unnamed_file(dir_.path());
  Fd const to = make_unnamed_file(dir_.path());
  check(::ftruncate(from.get(), kBytes), "resize", "a file");
  write_all_at(from.get(), "head", 0, "a file");
  write_all_at(from.get(), std::string(40 << 20, 'x'), (kBytes - 4) - (40 << 20), "a file");
  write_all_at(from.get(), "tail", kBytes - 4, "a file");
  std::int64_t told = 0;
  copy_sparse(from.get(), to.get(), kBytes, [&](std::int64_t done) {
    EXPECT_LT(told, done);
    if (told > kBytes / 2) {
      EXPECT_LE(done - told, 16 << 20);
    }
    told = done;
  });
  EXPECT_EQ(told, kBytes);
  EXPECT_EQ(at(to, 0), "head");
  EXPECT_EQ(at(to, kBytes - 4), "tail");
  struct stat st {};
  check(::fstat(to.get(), &st), "stat", "a copy");
  EXPECT_EQ(st.st_size, kBytes);
  EXPECT_LT(st.st_blocks * 512, 64 << 20);
}

TEST_F(CopyFile, EndsWhereItsListenerThrows) {
  Fd const from = make_unnamed_file(dir_.path());
  Fd const to = make_unnamed_file(dir_.path());
  write_all(from.get(), "some", "a file");
  EXPECT_THROW(copy_sparse(from.get(), to.get(), 4, [](std::int64_t) { throw Error(ECANCELED, "copy"); }),
               Error);
}

TEST_F(CopyFile, AnUnnamedFileHasNoName) {
  Fd const file = make_unnamed_file(dir_.path());
  write_all(file.get(), "data", "a file");
  EXPECT_EQ(at(file, 0), "data");
  for_each_entry(AT_FDCWD, dir_.path(), [](std::string const& name) { ADD_FAILURE() << name; });
  EXPECT_THROW(make_unnamed_file(dir_ / "missing"), Error);
}

TEST_F(CopyFile, WhatIsPrintableStaysAsItIs) {
  EXPECT_EQ(printable("a b~!"), "a b~!");
  EXPECT_EQ(printable("\x1b[31m\n\xc3\xa9\x7f"), "?[31m????");
}

}  // namespace

}  // namespace templatefs::test
