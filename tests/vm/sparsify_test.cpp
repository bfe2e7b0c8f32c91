// SPDX-License-Identifier: Apache-2.0
#include "vm/sparsify.h"

#include "base/digest.h"
#include "base/fd.h"
#include "base/files.h"
#include "tests/vm/support.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

class Sparsify : public VmTest {};

TEST_F(Sparsify, GivesBackPreallocatedSpaceAndKeepsEveryByte) {
  auto const image = make_image(scratch_ / "image", 64 << 20);
  std::string const data(256 << 10, 'd');
  {
    Fd const fd = open_at(AT_FDCWD, image, O_RDWR);
    if (::fallocate(fd.get(), 0, 1 << 20, 32 << 20) != 0) GTEST_SKIP() << "no fallocate on " << image;
    for (off_t const at : {0, 8 << 20, (64 << 20) - (256 << 10)})
      ASSERT_EQ(::pwrite(fd.get(), data.data(), data.size(), at), static_cast<ssize_t>(data.size()));
  }
  auto const before = sha256(read_file(AT_FDCWD, image, 128 << 20));
  ASSERT_GE(allocated_bytes(image), 32 << 20);
  punch_unwritten(image);
  EXPECT_LT(allocated_bytes(image), 2 << 20);
  EXPECT_EQ(sha256(read_file(AT_FDCWD, image, 128 << 20)), before);
}

TEST_F(Sparsify, TakesAnEmptyAndAWhollySparseFile) {
  punch_unwritten(make_image(scratch_ / "empty", 0));
  auto const image = make_image(scratch_ / "sparse", 1LL << 40);
  punch_unwritten(image);
  EXPECT_EQ(allocated_bytes(image), 0);
}

TEST_F(Sparsify, FailsOnAMissingFile) {
  EXPECT_EQ(error_of([&] { punch_unwritten(scratch_ / "missing"); }).err(), ENOENT);
  EXPECT_EQ(error_of([&] { punch_zeroes(scratch_ / "missing"); }).err(), ENOENT);
}

TEST_F(Sparsify, MakesHolesOfWrittenZeroesAndKeepsEveryByte) {
  // Zeroes up to an odd end of the file, but for one byte in each of two blocks.
  auto const size = (16 << 20) + 4097;
  auto const image = make_image(scratch_ / "image", 0);
  {
    Fd const fd = open_at(AT_FDCWD, image, O_RDWR);
    write_all(fd.get(), std::string(size, '\0'), image);
    for (off_t const at : {(5 << 20) + 65535, 9 << 20}) ASSERT_EQ(::pwrite(fd.get(), "x", 1, at), 1);
  }
  auto const before = sha256(read_file(AT_FDCWD, image, 128 << 20));
  ASSERT_GE(allocated_bytes(image), 16 << 20);
  punch_zeroes(image);
  punch_unwritten(image);
  EXPECT_LE(allocated_bytes(image), 2 * (64 << 10) + (64 << 10));
  EXPECT_EQ(sha256(read_file(AT_FDCWD, image, 128 << 20)), before);
}

}  // namespace templatefs::vm
