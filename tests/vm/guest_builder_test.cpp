// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "base/files.h"
#include "tests/vm/filesystem_rows.h"
#include "tests/vm/guest_fixture.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GuestBuilds : public GuestTest, public testing::WithParamInterface<FilesystemRow> {
 protected:
  Filesystem const& row() { return GetParam().filesystem(); }
  /// Builds it, mounted where this kernel can.
  BuildReport expect_good(std::int64_t mib) {
    auto const report = build(spec_of(GetParam().name, mib));
    bool const mountable = GetParam().mountable(mib);
    EXPECT_EQ(report.accelerator, "tcg");
    EXPECT_EQ(report.mounted, mountable) << report.not_mounted;
    EXPECT_EQ(report.kernel, mountable ? find_kernel("").version : "");
    EXPECT_EQ(report.not_mounted.empty(), mountable);
    EXPECT_THAT(report.formatter, HasSubstr(GetParam().banner));
    EXPECT_EQ(magic_of(image_, row()), row().magic);
    EXPECT_TRUE(is_clean(row(), image_));
    return report;
  }
};

class GuestInputs : public GuestTest {};
class GuestIdentity : public GuestTest {};

std::string uuid_of(std::string const& image) {
  return run_command({"/usr/sbin/blkid", "-p", "-o", "value", "-s", "UUID", image},
                     Deadline::after(std::chrono::seconds(10)))
      .text;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Guest, GuestBuilds, testing::ValuesIn(filesystem_rows()),
                         [](auto const& which) { return std::string(which.param.name); });

TEST_P(GuestBuilds, HalfAGibibyte) {
  auto const report = expect_good(512);
  EXPECT_LT(allocated_bytes(image_), GetParam().mib_at_half_gib * Capacity::kMiB);
  std::vector<std::string> phases;
  for (auto const& phase : report.phases) phases.push_back(phase.first);
  EXPECT_THAT(phases, ElementsAre("boot", "format", "mount", "sync"));
  EXPECT_THAT(phases_, ElementsAre("boot", "format", "mount", "sync"));
  EXPECT_GT(read_file(AT_FDCWD, log_).size(), 100u);
}

TEST_P(GuestBuilds, NotMuchLessThanItsMinimum) {
  if (GetParam().refused_mib == 0) return;
  auto const error = error_of([&] { build(spec_of(GetParam().name, GetParam().refused_mib)); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.text(), HasSubstr("the formatter failed with exit status "));
  EXPECT_THAT(error.remedy(), Not(IsEmpty())) << "the formatter's own words";
}

TEST_P(GuestBuilds, ALargeOneTakesSecondsAndMegabytes) {
  auto const start = Deadline::Clock::now();
  expect_good(GetParam().large_mib());
  std::chrono::duration<double> const took = Deadline::Clock::now() - start;
  EXPECT_LT(allocated_bytes(image_), GetParam().mib_when_large * Capacity::kMiB);
  RecordProperty("seconds", std::to_string(took.count()));
  RecordProperty("allocated", std::to_string(allocated_bytes(image_)));
}

TEST_F(GuestInputs, NameEverythingThatDecidesTheBytes) {
  std::vector<std::string> fields;
  for (auto const& input : builder().inputs(spec_of("btrfs", 256))) {
    fields.push_back(input.field);
    EXPECT_FALSE(input.value.empty()) << input.field;
  }
  EXPECT_THAT(fields, ElementsAre("builder", "formatter_version", "formatter_digest", "formatter_libraries",
                                  "formatter_config", "kernel_version", "kernel_digest", "kernel_modules",
                                  "guest_init"));
}

TEST_F(GuestInputs, DoNotDependOnTheCapacityAndAreCheapToRepeat) {
  auto& guests = builder();
  auto const values = [&](std::int64_t mib) {
    std::string out;
    for (auto const& input : guests.inputs(spec_of("xfs", mib)))
      out += input.field + "=" + input.value + "\n";
    return out;
  };
  auto const first = values(512);
  auto const start = Deadline::Clock::now();
  EXPECT_EQ(values(1024), first);
  EXPECT_LT(Deadline::Clock::now() - start, std::chrono::milliseconds(100));
}

TEST_F(GuestInputs, WatchedFilesExist) {
  auto const files = builder().watched_files(spec_of("ext4", 64));
  for (auto const& file : files) EXPECT_EQ(::access(file.c_str(), R_OK), 0) << file;
  EXPECT_THAT(files, testing::IsSupersetOf({find_kernel("").image, find_kernel("").modules + "/modules.dep",
                                            find_on_path("mkfs.ext4"), std::string("/etc/mke2fs.conf")}));
}

TEST_F(GuestInputs, RawConsultsNothing) {
  ScopedVariable const path("PATH", "");
  options_.kernel = "/nonexistent";
  auto const inputs = builder().inputs(spec_of("raw", 1));
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[1].value, "noversion");
  auto const report = build(spec_of("raw", 1));
  EXPECT_EQ(report.accelerator, "none");
  EXPECT_EQ(allocated_bytes(image_), 0);
}

TEST_F(GuestIdentity, TwoGuestsNeverShareAUuidNorAClock) {
  std::set<std::string> uuids;
  for (int i = 0; i < 2; ++i) {
    (void)build(spec_of("ext4", 16));
    uuids.insert(uuid_of(image_));
    auto const shown =
        run_command({"/usr/sbin/dumpe2fs", "-h", image_}, Deadline::after(std::chrono::seconds(10)));
    EXPECT_THAT(shown.text, HasSubstr(std::to_string(current_year()))) << "the guest's clock was not set";
  }
  EXPECT_EQ(uuids.size(), 2u);
}

TEST_F(GuestIdentity, ArgumentsReachTheFormatterUnchanged) {
  (void)build(spec_of("ext4", 16, {"-L", "a b$(id);'"}));
  auto const label = run_command({"/usr/sbin/e2label", image_}, Deadline::after(std::chrono::seconds(10)));
  EXPECT_EQ(label.text, "a b$(id);'\n");
}

TEST_F(GuestIdentity, ArgumentsMoveTheMinimum) {
  EXPECT_TRUE(build(spec_of("btrfs", 16, {"--mixed"})).mounted);
  auto const error = error_of([&] { build(spec_of("ext4", 16, {"-N", "1000000"})); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.sentence(), HasSubstr("inode"));
}

TEST_F(GuestIdentity, ASwapAreaTooLargeForTheGuestsMemoryIsNotTried) {
  auto const report = build(spec_of("swap", 1 << 20));
  EXPECT_FALSE(report.mounted);
  EXPECT_THAT(report.not_mounted, HasSubstr("too little memory"));
}

TEST_F(GuestIdentity, ADiskOfVfatHasNoPartitionTable) {
  (void)build(spec_of("vfat", 16));
  // Entries of one would begin here; a kernel that met one would show a partition.
  EXPECT_EQ(read_file(AT_FDCWD, image_, 16 << 20).substr(446, 64), std::string(64, '\0'));
}

TEST_F(GuestIdentity, AKernelWithoutTheDriverStillFormats) {
  Filesystem row = *find_filesystem("ext4");
  row.modules = {"no_such_driver"};
  row.mount_type = "no_such_driver";
  auto const report = build({&row, Capacity::of_mib(16), {}});
  EXPECT_FALSE(report.mounted);
  EXPECT_EQ(report.kernel, "");
  EXPECT_EQ(report.not_mounted, "Linux " + find_kernel("").version + " has no driver no_such_driver");
  EXPECT_THAT(read_file(AT_FDCWD, log_), HasSubstr("not mounted: " + report.not_mounted));
  EXPECT_TRUE(is_clean(row, image_));
}

TEST_F(GuestIdentity, AMountThatTheKernelRefusesFailsTheBuild) {
  Filesystem row = *find_filesystem("ext4");
  row.mount_options = "no_such_option";
  auto const error = error_of([&] { build({&row, Capacity::of_mib(16), {}}); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.text(), HasSubstr("step \"mount\" failed in the guest (Invalid argument)"));
}

TEST_F(GuestIdentity, AnImageMayHaveAnyName) {
  image_ = scratch_ / "a,b=\"c\" \\\xff\n.img";
  (void)build(spec_of("ext4", 16));
  EXPECT_EQ(magic_of(image_, *find_filesystem("ext4")), "\x53\xEF");
}

TEST_F(GuestIdentity, SeveralAtOnceDoNotMeet) {
  auto& guests = builder();
  std::vector<std::string> images;
  {
    std::vector<std::jthread> threads;
    threads.reserve(3);
    for (int i = 0; i < 3; ++i) {
      images.push_back(make_image(scratch_ / ("image" + std::to_string(i)), 16 << 20));
      threads.emplace_back([&guests, image = images.back()] {
        EXPECT_TRUE(guests.build(spec_of("ext4", 16), image, image + ".log", {}, {}).mounted);
      });
    }
  }
  std::set<std::string> uuids;
  for (auto const& image : images) uuids.insert(uuid_of(image));
  EXPECT_EQ(uuids.size(), 3u);
}

}  // namespace templatefs::vm
