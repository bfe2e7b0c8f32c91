// SPDX-License-Identifier: Apache-2.0
#include "base/content_digest.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/temp_dir.h"

#include <set>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs {
namespace {

constexpr std::int64_t kTera = std::int64_t{1} << 40;

class ContentDigestTest : public ::testing::Test {
 protected:
  /// A file of this size with these bytes at their offsets, and holes.
  Fd make(std::int64_t bytes, std::vector<std::pair<std::int64_t, std::string>> const& pieces) {
    Fd file = make_unnamed_file(dir_.path());
    check(::ftruncate(file.get(), bytes), "set length", "a test's file");
    for (auto const& [offset, text] : pieces) write_all_at(file.get(), text, offset, "a test's file");
    return file;
  }

 private:
  test::TempDir dir_;
};

TEST_F(ContentDigestTest, IsOfWhatTheDiskReadsAsAndNotOfItsExtents) {
  auto const sparse = make(8 << 20, {{70'000, "data"}});
  auto const written = make(8 << 20, {{0, std::string(3 << 20, '\0')}, {70'000, "data"}});
  EXPECT_EQ(content_sha256(sparse.get(), 8 << 20), content_sha256(written.get(), 8 << 20));
}

TEST_F(ContentDigestTest, TellsEveryChangeOfBytesPlaceAndSize) {
  std::set<std::string> seen;
  auto const add = [&](std::int64_t bytes, std::vector<std::pair<std::int64_t, std::string>> const& pieces) {
    return seen.insert(content_sha256(make(bytes, pieces).get(), bytes)).second;
  };
  EXPECT_TRUE(add(1 << 20, {}));
  EXPECT_TRUE(add(1 << 20, {{0, "a"}}));
  EXPECT_TRUE(add(1 << 20, {{0, "b"}}));
  EXPECT_TRUE(add(1 << 20, {{65'536, "a"}}));
  EXPECT_TRUE(add(1 << 20, {{(1 << 20) - 1, "a"}}));
  EXPECT_TRUE(add((1 << 20) + 1, {{0, "a"}}));
  EXPECT_FALSE(add(1 << 20, {{65'536, "a"}}));
}

TEST_F(ContentDigestTest, ReadsNoHole) {
  auto const file = make(kTera, {{0, "head"}, {kTera - 4, "tail"}});
  std::int64_t read = 0;
  (void)content_sha256(file.get(), kTera, [&](std::int64_t done) { read = done; });
  EXPECT_GT(read, 0);
  EXPECT_LE(read, 4 * 65'536) << "a 1T disk takes as long as its data";
}

}  // namespace
}  // namespace templatefs
