// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"
#include "tests/support/mounted_image.h"
#include "tests/support/program.h"
#include "tests/support/wait_until.h"
#include "tests/vm/seed_fixture.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <unistd.h>

// Seeds from a configuration file to the files in a disk that was opened through a mount, by real guests.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Seeds : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    filesystem_ = std::make_unique<LoopFilesystem>("xfs");
    make_directories(AT_FDCWD, seed(), 0755);
    replace_file(AT_FDCWD, *filesystem_ / "config.toml",
                 "[recipe.rootfs]\nfilesystem = \"ext4\"\nseed = \"seed\"\n", 0600, false);
    options_ = {"--config", *filesystem_ / "config.toml", "--accel", "tcg"};
  }
  void TearDown() override {
    filesystem_.reset();
    LeakCheck::TearDown();
  }
  std::string seed() const { return *filesystem_ / "seed"; }
  std::string store() const { return *filesystem_ / "store"; }
  std::map<std::string, std::string> contents(std::string const& image) const {
    MountedImage const mounted(image, "ext4", *filesystem_ / "mnt");
    auto out = vm::describe_tree(mounted.path());
    out.erase("lost+found");
    return out;
  }

  std::unique_ptr<LoopFilesystem> filesystem_;
  std::vector<std::string> options_;
};

TEST_F(Seeds, ADiskHoldsWhatTheSeedHeldWhenItsTemplateWasBuilt) {
  vm::make_every_kind(seed());
  auto const before = vm::describe_tree(seed());
  Daemon const daemon(store(), options_);
  std::string const image = daemon / "rootfs/auto/x.img";
  ASSERT_EQ(open_outcome(image, O_RDWR), "ok") << run_program({"why", image}).text << daemon.output();
  EXPECT_EQ(stat_of(image).st_size, 512 << 20);
  EXPECT_EQ(contents(image), before);

  vm::write_file(seed() + "/later", "came later");
  auto const after = vm::describe_tree(seed());
  // A mount may take a moment to notice, but no name is opened twice.
  int count = 0;
  EXPECT_TRUE(wait_until(
      [&] {
        std::string const next = daemon / ("rootfs/auto/y" + std::to_string(++count) + ".img");
        return open_outcome(next, O_RDWR) == "ok" && contents(next) == after;
      },
      120s))
      << daemon.output();
  EXPECT_EQ(contents(image), before) << "an image that exists stays as it is";

  auto const built = run_program({"build", "rootfs/auto", "--store", store(), "--config", options_[1]});
  EXPECT_THAT(built.text, AllOf(HasSubstr("rootfs/512M"), HasSubstr("was there already")));
}

TEST_F(Seeds, OneThatIsTooBigForTheCapacitySaysWhatItNeeds) {
  vm::write_file(seed() + "/data", std::string(3 << 20, 'x'));
  Daemon const daemon(store(), options_);
  std::string const image = daemon / "rootfs/1M/x.img";
  EXPECT_EQ(open_outcome(image, O_RDWR), "ENOSPC");
  EXPECT_THAT(run_program({"why", image}).text,
              AllOf(HasSubstr("ENOSPC"), HasSubstr("needs at least 4M"),
                    HasSubstr("more than the capacity 1M"), HasSubstr("512M")));
}

}  // namespace

}  // namespace templatefs::test
