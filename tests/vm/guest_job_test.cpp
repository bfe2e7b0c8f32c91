// SPDX-License-Identifier: Apache-2.0
#include "vm/guest_job.h"

#include "tests/vm/support.h"

#include <cerrno>

#include <gmock/gmock.h>

namespace templatefs::vm {

using testing::HasSubstr;

TEST(JobText, IsOneLineAFieldAndEndsInRun) {
  GuestJob job;
  job.time_ns = 42;
  job.seed = "00ff";
  job.size = 1048576;
  job.arguments = {"/bin/mkfs.xfs", "-L", "two words", "/dev/vda"};
  job.environment = {"PATH=/bin"};
  job.mount_type = "xfs";
  EXPECT_EQ(encode_job(job),
            "time 42\nseed 00ff\nsize 1048576\nargument /bin/mkfs.xfs\nargument -L\nargument two words\n"
            "argument /dev/vda\nenvironment PATH=/bin\ntype xfs\noptions \nrun\n");
}

TEST(JobText, SaysHowToFill) {
  GuestJob job;
  job.fill = GuestFill{1024, "xfs", {"/bin/tar", "-c"}, {"/bin/tar", "-x"}, std::nullopt};
  auto const text = encode_job(job);
  EXPECT_THAT(text, HasSubstr("options \nseed-disk 1024\nseed-type xfs\npack /bin/tar\npack -c\n"
                              "unpack /bin/tar\nunpack -x\nrun\n"));
  job.fill->pack.emplace_back("/seed/a\nrun");
  EXPECT_EQ(error_of([&] { encode_job(job); }).err(), EINVAL);
}

TEST(JobText, RefusesWhatWouldBreakTheLines) {
  GuestJob job;
  job.arguments = {"/bin/mkfs.xfs", "-L\nargument /bin/sh"};
  EXPECT_EQ(error_of([&] { encode_job(job); }).err(), EINVAL);
  job.arguments = {std::string("a\0b", 3)};
  EXPECT_EQ(error_of([&] { encode_job(job); }).err(), EINVAL);
}

TEST(JobText, RefusesMoreThanTheGuestCanHold) {
  GuestJob job;
  job.arguments.assign(129, "x");
  EXPECT_EQ(error_of([&] { encode_job(job); }).err(), E2BIG);
  job.arguments.assign(1, std::string(1 << 16, 'x'));
  EXPECT_EQ(error_of([&] { encode_job(job); }).err(), E2BIG);
}

TEST(EventLine, IsParsed) {
  auto const event = parse_guest_event(R"({"event":"failed","step":"format","errno":5,"status":256,"ms":7})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->name, "failed");
  EXPECT_EQ(event->step, "format");
  EXPECT_EQ(event->err, 5);
  EXPECT_EQ(event->status, 256);
  EXPECT_EQ(event->ms, 7);
  EXPECT_EQ(parse_guest_event(R"({"event":"ready","kernel":"6.1.0"})")->kernel, "6.1.0");
}

TEST(EventLine, NonsenseIsNoEvent) {
  for (auto const* line : {"", "hello", "[1]", "{}", "{\"event\":7}", "{\"event\":\"x\"", "\xff\xfe", "null"})
    EXPECT_FALSE(parse_guest_event(line)) << line;
  auto const odd = parse_guest_event(R"({"event":"done","errno":"five","ms":1e99,"step":[]})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->err, 0);
}

TEST(FailureWords, IsSaidInWords) {
  EXPECT_EQ(describe_failure({"failed", "", "format", 0, 1 << 8, 0}),
            "the formatter failed with exit status 1");
  EXPECT_EQ(describe_failure({"failed", "", "format", 0, 9, 0}),
            "the formatter failed with signal 9 (Killed)");
  EXPECT_THAT(describe_failure({"failed", "", "mount", EINVAL, 0, 0}), HasSubstr("\"mount\" failed"));
  EXPECT_EQ(describe_failure({"failed", "", "fill", 0, 2 << 8, 0}),
            "the seed could not be put in: tar failed with exit status 2");
  EXPECT_EQ(describe_failure({"failed", "", "fill", ENOTSUP, 0, 0}), "not all of the seed could be put in");
  EXPECT_THAT(describe_failure({"failed", "", "fill", EIO, 0, 0}), HasSubstr("\"fill\" failed"));
  EXPECT_EQ(describe_failure({"failed", "", "seed-mount", EROFS, 0, 0}),
            "the guest could not mount the seed (Read-only file system)");
}

}  // namespace templatefs::vm
