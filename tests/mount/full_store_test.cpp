// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/verify_store.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kMiB = 1 << 20;

struct SmallStore {
  char const* filesystem;
  std::int64_t bytes;
};

void PrintTo(SmallStore const& store, std::ostream* out) {
  *out << store.filesystem << " of " << store.bytes / kMiB << " MiB";
}

class FullStore : public RobustnessTest, public ::testing::WithParamInterface<SmallStore> {
 protected:
  void SetUp() override {
    RobustnessTest::SetUp();
    if (!IsSkipped()) use_filesystem(GetParam().filesystem, GetParam().bytes);
  }

  static char mark_of(std::int64_t mib) { return static_cast<char>('a' + mib % 26); }

  /// Writes marked MiB, then smaller pieces, until nothing more fits. Returns the MiB written whole.
  static std::int64_t fill(int image) {
    std::int64_t written = 0;
    std::vector<char> block(kMiB);
    for (;; ++written) {
      std::memset(block.data(), mark_of(written), block.size());
      auto const got = ::pwrite(image, block.data(), block.size(), written * kMiB);
      if (got == kMiB) continue;
      EXPECT_TRUE(got > 0 || errno == ENOSPC) << errno;
      break;
    }
    off_t at = (written + 1) * kMiB;
    int refused = 0;
    // After each refusal what was written is brought to the disk, which frees reserves: full is full twice.
    while (refused < 2) {
      if (::pwrite(image, block.data(), 4096, at) == 4096) {
        at += 4096;
        continue;
      }
      EXPECT_EQ(errno, ENOSPC);
      EXPECT_EQ(::fsync(image), 0);
      ++refused;
    }
    return written;
  }
  static std::int64_t intact(int image, std::int64_t mib) {
    std::int64_t good = 0;
    std::vector<char> block(kMiB);
    ::posix_fadvise(image, 0, 0, POSIX_FADV_DONTNEED);
    for (std::int64_t index = 0; index < mib; ++index) {
      auto const got = ::pread(image, block.data(), block.size(), index * kMiB);
      good += got == kMiB && std::count(block.begin(), block.end(), mark_of(index)) == kMiB;
    }
    return good;
  }
};

TEST_P(FullStore, RefusesWithENOSPCAndServesAgainOnceSpaceIsFreed) {
  Daemon const& daemon = mount();
  ASSERT_EQ(errno_of_open(daemon / "ext4/64M/warm.img"), 0);
  std::string const fat = daemon / "raw/1G/fat.img";
  {
    Fd const image = open_at(AT_FDCWD, fat, O_RDWR);
    auto const written = fill(image.get());
    EXPECT_GT(written, 20);

    EXPECT_EQ(errno_of_open(daemon / "ext4/65M/cold.img"), ENOSPC);
    EXPECT_THAT(error_of(daemon / "ext4/65M/cold.img"), HasSubstr("ENOSPC"));
    EXPECT_THAT(errno_of_open(daemon / "ext4/64M/new.img"), AnyOf(0, ENOSPC));
    EXPECT_EQ(intact(image.get(), written), written) << "acknowledged data was lost";
  }
  EXPECT_EQ(errno_of_open(daemon / "ext4/64M/warm.img"), 0) << "what exists opens";

  ASSERT_EQ(::unlink(fat.c_str()), 0);
  EXPECT_TRUE(wait_until([&] { return errno_of_open(daemon / "ext4/65M/cold.img") == 0; }, 30s));
  EXPECT_THAT(faults_of_templates(store()), IsEmpty());
  EXPECT_THAT(temporaries(store()), IsEmpty());
}

class FullXfsStore : public FullStore {};

TEST_P(FullXfsStore, IsCleanedWhereNothingIsFree) {
  auto const built = run_program({"build", "--builder", "host", "ext4/64M", "--store", store()});
  ASSERT_TRUE(built.status.success()) << built.text;
  Fd const other = open_at(AT_FDCWD, store() + "/../other", O_RDWR | O_CREAT | O_EXCL, 0600);
  fill(other.get());
  // Not even an empty file.
  int made = 0;
  while (::mkdir((store() + "/../empty-" + std::to_string(made)).c_str(), 0700) == 0)
    ASSERT_LT(++made, 100000);
  ASSERT_EQ(errno, ENOSPC);

  auto const listed = run_program({"ls", "--store", store()});
  EXPECT_TRUE(listed.status.success()) << listed.text;
  auto const cleaned = run_program({"clean", "--store", store()});
  EXPECT_TRUE(cleaned.status.success()) << cleaned.text;
  EXPECT_THAT(cleaned.text, HasSubstr("1 template removed"));
  EXPECT_THAT(in_store("templates"), IsEmpty());
  EXPECT_THAT(in_store("sessions"), IsEmpty());
}

TEST_P(FullStore, RefusesABuildBeforeItBegins) {
  Daemon const& daemon = mount({"--accel", "tcg"});
  std::string const fat = daemon / "raw/1G/fat.img";
  {
    Fd const image = open_at(AT_FDCWD, fat, O_RDWR);
    ASSERT_GT(fill(image.get()), 20);
    // Room for the empty disk and the guest's log, not for what the formatter writes.
    ASSERT_EQ(::fallocate(image.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kMiB, 384 << 10), 0);
    ASSERT_EQ(::syncfs(image.get()), 0);
  }
  EXPECT_EQ(errno_of_open(daemon / "btrfs/256M/cold.img"), ENOSPC) << daemon.output();
  EXPECT_THAT(error_of(daemon / "btrfs/256M/cold.img"),
              AllOf(HasSubstr("build btrfs/256M: it takes about 16M, and "), HasSubstr("unlink images")));
  EXPECT_THAT(processes_mentioning(store(), {daemon.pid()}), IsEmpty());

  ASSERT_EQ(::unlink(fat.c_str()), 0);
  EXPECT_TRUE(wait_until([&] { return errno_of_open(daemon / "btrfs/256M/cold.img") == 0; }, 30s))
      << daemon.output();
  EXPECT_THAT(faults_of_templates(store()), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Filesystems, FullStore,
                         ::testing::Values(SmallStore{"xfs", 320 * kMiB}, SmallStore{"btrfs", 256 * kMiB}),
                         [](auto const& each) { return std::string(each.param.filesystem); });

INSTANTIATE_TEST_SUITE_P(Xfs, FullXfsStore, ::testing::Values(SmallStore{"xfs", 320 * kMiB}));

}  // namespace

}  // namespace templatefs::test
