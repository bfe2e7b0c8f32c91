// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/support/wait_until.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;

constexpr int kCycles = kSanitized ? 4'000 : 20'000;
/// Other processes of the machine open files too.
constexpr std::int64_t kOthersFiles = 600;
constexpr std::int64_t kMemoryNoise = 512;  // KiB

class Leaks : public RobustnessTest, public ::testing::WithParamInterface<char const*> {
 protected:
  struct Use {
    std::size_t descriptors;
    std::int64_t files;
    std::int64_t nodes;
    std::int64_t free;
    std::int64_t memory;
  };
  Use use() const {
    return {descriptors_of(daemon_->pid()), open_files_of_system(), status_of(*daemon_).value("nodes", 0),
            free_bytes(store()), memory_of(daemon_->pid())};
  }
  /// Runs both halves of the cycles and compares: what the first left is warmth, what the second adds is a
  /// leak.
  void expect_steady(std::function<void(int)> const& cycle, int cycles = kCycles) {
    for (int index = 0; index < 200; ++index) cycle(index);
    auto const before = use();
    for (int index = 0; index < cycles / 2; ++index) cycle(index);
    auto const half = memory_of(daemon_->pid());
    for (int index = cycles / 2; index < cycles; ++index) cycle(index);

    Use after{};
    wait_until(
        [&] {
          after = use();
          return after.descriptors <= before.descriptors && after.nodes <= before.nodes + 2 &&
                 after.free >= before.free - (16 << 20) && after.files <= before.files + kOthersFiles;
        },
        30s);
    EXPECT_LE(after.descriptors, before.descriptors);
    EXPECT_LE(after.files, before.files + kOthersFiles) << "the kernel keeps backing files open";
    EXPECT_LE(after.nodes, before.nodes + 2);
    EXPECT_GE(after.free, before.free - (16 << 20)) << "the store does not get its space back";
    EXPECT_TRUE(kSanitized || after.memory <= half + kMemoryNoise) << half << " KiB, then " << after.memory;
    RecordProperty("memory_at_half_kib", std::to_string(half));
    RecordProperty("memory_at_end_kib", std::to_string(after.memory));
  }
  void SetUp() override {
    RobustnessTest::SetUp();
    if (IsSkipped()) return;
    use_filesystem(GetParam());
    daemon_ = &mount();
    ASSERT_EQ(errno_of_open(*daemon_ / "ext4/64M/warm.img"), 0);
  }

  Daemon* daemon_ = nullptr;
};

TEST_P(Leaks, TwentyThousandImagesComeAndGo) {
  expect_steady([&](int index) {
    std::string const path = *daemon_ / "ext4/64M/leak" + std::to_string(index) + ".img";
    {
      Fd const image = open_at(AT_FDCWD, path, O_RDWR);
      check(::pwrite(image.get(), path.data(), path.size(), 4096), "write", path);
    }
    check(::unlink(path.c_str()), "unlink", path);
  });
  EXPECT_EQ(status_of(*daemon_)["images"]["existing"], 1);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, Leaks, ::testing::Values("xfs", "btrfs"),
                         [](auto const& each) { return std::string(each.param); });

class LeaksOfSets : public Leaks {};

TEST_P(LeaksOfSets, ThousandsOfSetsComeAndGo) {
  auto const cycle = [&](int index) {
    std::string const set = *daemon_ / "ext4/64M/leak" + std::to_string(index) + ".d";
    for (char const* const disk : {"/TEST.img", "/SCRATCH.img"}) {
      EXPECT_EQ(errno_of_open(set + disk), 0) << set << disk;
      // As rm -r does, and all at once.
      if (index % 2 == 0) check(::unlink((set + disk).c_str()), "unlink", set);
    }
    check(::rmdir(set.c_str()), "remove", set);
  };
  expect_steady(cycle, kCycles / 4);
  EXPECT_EQ(status_of(*daemon_)["images"]["existing"], 1);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, LeaksOfSets, ::testing::Values("xfs"),
                         [](auto const& each) { return std::string(each.param); });

class LeaksOfRefusals : public Leaks {};

TEST_P(LeaksOfRefusals, RefusedNamesAndFailedOpensCostNothingThatStays) {
  expect_steady([&](int index) {
    std::string const number = std::to_string(index);
    for (auto const& name :
         {"ext4/64M/no image " + number, "ext4/" + number + "x/t.img", "what" + number + "/64M",
          "ext4/64M/.hidden" + number + ".img", ".templatefs/cache/none" + number})
      EXPECT_EQ(errno_of_open(*daemon_ / name, O_RDONLY), ENOENT) << name;
    // Too small for the filesystem: refused at open, with a record of which a bounded number is kept.
    EXPECT_EQ(errno_of_open(*daemon_ / "btrfs/16M/t" + std::to_string(index % 100) + ".img"), EINVAL);
  });
}

INSTANTIATE_TEST_SUITE_P(Filesystems, LeaksOfRefusals, ::testing::Values("xfs"),
                         [](auto const& each) { return std::string(each.param); });

}  // namespace

}  // namespace templatefs::test
