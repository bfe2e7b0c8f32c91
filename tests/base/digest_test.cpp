// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include "base/error.h"
#include "base/files.h"
#include "base/random_name.h"
#include "tests/support/leak_check.h"
#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>

#include <fcntl.h>

namespace templatefs {
namespace {

class DigestTest : public test::LeakCheck {};

TEST_F(DigestTest, MatchesThePublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256().update("a").update("bc").finish(), sha256("abc"));
}

TEST_F(DigestTest, AChangedFileIsReadAgain) {
  test::TempDir const dir;
  replace_file(AT_FDCWD, dir / "f", "abc", 0600, false);
  EXPECT_EQ(file_sha256(dir / "f"), sha256("abc"));
  EXPECT_EQ(file_sha256(dir / "f"), sha256("abc"));
  replace_file(AT_FDCWD, dir / "f", "abd", 0600, false);
  EXPECT_EQ(file_sha256(dir / "f"), sha256("abd"));
  EXPECT_THROW(file_sha256(dir / "none"), Error);
}

TEST_F(DigestTest, RandomNamesDiffer) {
  EXPECT_EQ(random_hex(8).size(), 16u);
  EXPECT_NE(random_hex(8), random_hex(8));
}

}  // namespace
}  // namespace templatefs
