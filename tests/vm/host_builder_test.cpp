// SPDX-License-Identifier: Apache-2.0
#include "vm/host_builder.h"

#include "base/files.h"
#include "tests/support/loop_filesystem.h"
#include "tests/vm/filesystem_rows.h"
#include "tests/vm/support.h"

#include <cerrno>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace templatefs::vm {

namespace {

using testing::HasSubstr;

class HostBuilderTest : public VmTest {
 protected:
  BuildReport build(BuildSpec const& spec, std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    make_image(image_, spec.capacity.bytes());
    return HostBuilder({limit}).build(spec, image_, log_, {}, stop_.get_token());
  }
  std::string const image_ = scratch_ / "image", log_ = scratch_ / "log";
  std::stop_source stop_;
};

/// A shell as the formatter; the image is its $0.
BuildSpec shell_spec(Filesystem& row, std::string const& script) {
  row = *find_filesystem("xfs");
  row.formatter = "bash";
  row.version_switch = "--version";
  row.arguments = {"-c", script};
  return {&row, Capacity::of_mib(1), {}};
}

}  // namespace

TEST_F(HostBuilderTest, MakesEachFilesystemAtItsMinimumAndLarge) {
  for (auto const& expected : filesystem_rows()) {
    auto const& row = expected.filesystem();
    for (auto const mib : {row.minimum_bytes / Capacity::kMiB, expected.large_mib()}) {
      SCOPED_TRACE(std::string(row.name) + " " + std::to_string(mib) + "M");
      auto const report = build(spec_of(row.name, mib));
      EXPECT_EQ(report.accelerator, "none");
      EXPECT_FALSE(report.mounted);
      EXPECT_THAT(report.not_mounted, HasSubstr("without a guest"));
      EXPECT_EQ(magic_of(image_, row), row.magic);
      EXPECT_TRUE(is_clean(row, image_));
      EXPECT_LT(allocated_bytes(image_), (expected.mib_when_large + 12) * Capacity::kMiB);
    }
  }
}

TEST_F(HostBuilderTest, TheFormattersRefuseLessThanTheMinimum) {
  for (auto const& row : filesystem_rows()) {
    if (row.refused_mib == 0) continue;
    SCOPED_TRACE(row.name);
    EXPECT_EQ(error_of([&] { build(spec_of(row.name, row.refused_mib)); }).err(), EIO);
  }
}

TEST_F(HostBuilderTest, TheFormattersCannotFillMoreThanTheMaximum) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting takes root";
  // Files of ext4 end at 16T.
  test::LoopFilesystem const large("xfs");
  for (auto const& expected : filesystem_rows()) {
    auto const& row = expected.filesystem();
    EXPECT_EQ(row.maximum_bytes == Filesystem::kNoMaximum, expected.beyond_maximum.empty()) << row.name;
    if (expected.beyond_maximum.empty()) continue;
    SCOPED_TRACE(row.name);
    auto const beyond = row.maximum_bytes + (std::int64_t{1} << 40);
    auto const image = make_image(large / "image", beyond);
    ::truncate(log_.c_str(), 0);
    try {
      (void)HostBuilder({}).build(spec_of(row.name, beyond / Capacity::kMiB), image, log_, {}, {});
    } catch (Error const& error) {
      EXPECT_EQ(error.err(), EIO) << error.sentence();
    }
    EXPECT_THAT(read_file(AT_FDCWD, log_), HasSubstr(expected.beyond_maximum));
  }
}

TEST_F(HostBuilderTest, RawNeedsNoFormatterAndNoPath) {
  ScopedVariable const path("PATH", "");
  HostBuilder builder({});
  EXPECT_EQ(builder.build(spec_of("raw", 1), image_, log_, {}, {}).accelerator, "none");
  EXPECT_EQ(builder.inputs(spec_of("raw", 1))[1].value, "noversion");
  EXPECT_TRUE(builder.watched_files(spec_of("raw", 1)).empty());
}

TEST_F(HostBuilderTest, InputsNameTheFormatterAndNoKernel) {
  std::vector<std::string> fields;
  for (auto const& input : HostBuilder({}).inputs(spec_of("ext4", 64))) {
    fields.push_back(input.field);
    EXPECT_FALSE(input.value.empty()) << input.field;
  }
  EXPECT_THAT(fields, testing::ElementsAre("builder", "formatter_version", "formatter_digest",
                                           "formatter_libraries", "formatter_config"));
}

TEST_F(HostBuilderTest, AFailureIsEioWithTheLastLines) {
  auto const error = error_of([&] { build(spec_of("ext4", 64, {"-b", "100"})); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.sentence(), HasSubstr("the formatter failed with exit status 1"));
  EXPECT_THAT(error.sentence(), HasSubstr("invalid block size - 100"));
  EXPECT_THAT(read_file(AT_FDCWD, log_), HasSubstr("invalid block size - 100"));
}

TEST_F(HostBuilderTest, AHangEndsAtTheLimit) {
  Filesystem row;
  auto const spec = shell_spec(row, "echo begun; sleep 60 & sleep 60");
  auto const start = Deadline::Clock::now();
  auto const error = error_of([&] { build(spec, std::chrono::milliseconds(300)); });
  EXPECT_EQ(error.err(), ETIMEDOUT);
  EXPECT_THAT(error.sentence(), HasSubstr("begun"));
  EXPECT_LT(Deadline::Clock::now() - start, std::chrono::seconds(3));
}

TEST_F(HostBuilderTest, AStopRequestEndsItAtOnce) {
  Filesystem row;
  auto const spec = shell_spec(row, "sleep 60");
  std::jthread const stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop_.request_stop();
  });
  auto const start = Deadline::Clock::now();
  EXPECT_EQ(error_of([&] { build(spec); }).err(), ECANCELED);
  EXPECT_LT(Deadline::Clock::now() - start, std::chrono::seconds(3));
}

TEST_F(HostBuilderTest, AFullFilesystemIsEnospc) {
  if (::mkdir((scratch_ / "small").c_str(), 0700) != 0 ||
      ::mount("tmpfs", (scratch_ / "small").c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "mounting takes root";
  auto const image = make_image(scratch_ / "small/image", 256 << 20);
  auto const error = error_of([&] { HostBuilder({}).build(spec_of("btrfs", 256), image, log_, {}, {}); });
  EXPECT_EQ(::umount((scratch_ / "small").c_str()), 0);
  EXPECT_EQ(error.err(), ENOSPC);
}

}  // namespace templatefs::vm
