// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <gmock/gmock.h>

#include <signal.h>
#include <unistd.h>

// What a user may have in a mount whose configuration has a [quota].
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kLimited = 1234;
constexpr uid_t kOther = 65534;

class QuotaOf : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
  void TearDown() override {
    mount_.reset();
    LeakCheck::TearDown();
  }
  void mount(std::string const& quota) {
    replace_file(AT_FDCWD, dir_ / "config.toml", "[quota]\n" + quota + "\n", 0600, false);
    mount_ =
        std::make_unique<MountedStore>(kOnXfs, std::vector<std::string>{"--config", dir_ / "config.toml"});
  }
  std::string at(std::string const& name) const { return *mount_ / name; }
  std::string image(std::string const& name) const { return at("raw/1M/" + name + ".img"); }
  std::string open_as(uid_t uid, std::string const& name, int flags = O_RDWR) const {
    return open_outcome_as(uid, image(name), flags);
  }
  /// The user's open of that image, which says how it went by its exit status.
  Client opener(uid_t uid, std::string const& name) const {
    return Client(
        [path = at(name)] {
          int const fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
          return fd < 0 ? errno : 0;
        },
        uid);
  }
  std::vector<std::string> phases() const {
    std::vector<std::string> all;
    auto const status = status_of(mount_->mount_point());
    for (auto const& build : status["builds"]) all.push_back(build["phase"]);
    std::sort(all.begin(), all.end());
    return all;
  }

  TempDir const dir_;
  std::unique_ptr<MountedStore> mount_;
};

TEST_F(QuotaOf, ImagesIsForEachUserAndNotForRoot) {
  mount("images_per_user = 3");
  for (auto const* const name : {"a", "b", "c", "a"}) EXPECT_EQ(open_as(kLimited, name), "ok") << name;
  EXPECT_EQ(open_as(kLimited, "d"), "EDQUOT");
  EXPECT_EQ(open_as(kLimited, "d", O_RDWR | O_TRUNC), "EDQUOT");
  EXPECT_THAT(
      run_program({"why", image("d")}).text,
      AllOf(HasSubstr("EDQUOT"), HasSubstr("user 1234 has 3 images, and images_per_user in [quota] is 3"),
            HasSubstr("Unlink images")));
  EXPECT_EQ(open_as(kOther, "d"), "ok");
  for (auto const* const name : {"r1", "r2", "r3", "r4"}) EXPECT_EQ(open_as(0, name), "ok") << name;
}

TEST_F(QuotaOf, ImagesIsKeptTrueByWhateverBecomesOfThem) {
  mount("images_per_user = 3");
  for (auto const* const name : {"a", "b", "c"}) EXPECT_EQ(open_as(kLimited, name), "ok") << name;
  ASSERT_EQ(::unlink(image("a").c_str()), 0);
  EXPECT_EQ(open_as(kLimited, "d"), "ok");
  EXPECT_EQ(open_as(kLimited, "e"), "EDQUOT");
  ASSERT_EQ(::rename(image("b").c_str(), image("c").c_str()), 0) << "one is replaced";
  EXPECT_EQ(open_as(kLimited, "e"), "ok");
  EXPECT_EQ(open_as(kLimited, "f"), "EDQUOT");
  ASSERT_EQ(::rename(image("c").c_str(), image("g").c_str()), 0);
  EXPECT_EQ(open_as(kLimited, "c"), "EDQUOT");
  // Given away it still is of whoever opened it first.
  ASSERT_EQ(::chown(image("g").c_str(), kOther, kOther), 0);
  EXPECT_EQ(open_as(kLimited, "c"), "EDQUOT");
  ASSERT_EQ(::unlink(image("g").c_str()), 0);
  // What fails is none.
  for (int each = 0; each < 5; ++each)
    EXPECT_EQ(open_outcome_as(kLimited, at("xfs/16M/x" + std::to_string(each) + ".img"), O_RDWR), "EINVAL");
  EXPECT_EQ(open_as(kLimited, "c"), "ok");
  ASSERT_EQ(::unlink(image("c").c_str()), 0);
  EXPECT_EQ(open_outcome_as(kLimited, at("raw/1M/set.d/TEST.img"), O_RDWR), "ok");
  EXPECT_EQ(open_outcome_as(kLimited, at("raw/1M/set.d/SCRATCH.img"), O_RDWR), "EDQUOT");
  ASSERT_EQ(::rmdir(at("raw/1M/set.d").c_str()), 0);
  EXPECT_EQ(open_as(kLimited, "c"), "ok");
}

TEST_F(QuotaOf, AllImagesBindsRootToo) {
  mount("images = 3");
  EXPECT_EQ(open_as(kLimited, "a"), "ok");
  EXPECT_EQ(open_as(kOther, "b"), "ok");
  EXPECT_EQ(open_as(0, "c"), "ok");
  EXPECT_EQ(open_as(0, "d"), "EDQUOT");
  EXPECT_THAT(run_program({"why", image("d")}).text,
              HasSubstr("all users have 3 images (user 0 has 1 image), and images in [quota] is 3"));
}

TEST_F(QuotaOf, ImagesHoldsAgainstOpensAtOnce) {
  mount("images_per_user = 5");
  auto const statuses = run_in_processes(30, [&](unsigned index) {
    if (::setresgid(kLimited, kLimited, kLimited) != 0 || ::setresuid(kLimited, kLimited, kLimited) != 0)
      return 99;
    return ::open(at("ext4/16M/" + std::to_string(index) + ".img").c_str(), O_RDWR | O_CLOEXEC) < 0 ? errno
                                                                                                    : 0;
  });
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 0), 5);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), EDQUOT), 25);
}

TEST_F(QuotaOf, BytesGoByTheLastMeasureAndAreGivenBackAtOnce) {
  mount("bytes_per_user = \"1M\"");
  ASSERT_EQ(open_as(kLimited, "fat"), "ok");
  ASSERT_EQ(open_as(kOther, "bob"), "ok");
  write_at(open_file(image("fat")).get(), std::string(1 << 20, 'x'), 0);
  int count = 0;
  EXPECT_TRUE(wait_until([&] { return open_as(kLimited, "new" + std::to_string(++count)) == "EDQUOT"; }));
  auto const last = "new" + std::to_string(count);
  EXPECT_THAT(run_program({"why", image(last)}).text,
              HasSubstr("user 1234 has images that take 1M, and bytes_per_user in [quota] is 1M"));
  EXPECT_EQ(open_as(kLimited, "fat"), "ok") << "what exists opens";
  EXPECT_EQ(open_as(kOther, "other"), "ok");
  ASSERT_EQ(::unlink(image("fat").c_str()), 0);
  EXPECT_EQ(open_as(kLimited, last), "ok");
}

TEST_F(QuotaOf, WhatIsUsedIsInTheStatusAndTheMetrics) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  mount("images_per_user = 3\nbytes_per_user = \"8M\"\nbuilds_per_user = 2\nimages = 10");
  for (auto const* const name : {"a", "b"}) ASSERT_EQ(open_as(kLimited, name), "ok");
  ASSERT_EQ(open_as(0, "r"), "ok");
  write_at(open_file(image("a")).get(), std::string(1 << 20, 'x'), 0);
  auto other = opener(kOther, "ext4/16M/a.img");
  ASSERT_TRUE(formatter.wait_until_started());
  auto const quota = [&] { return status_of(mount_->mount_point())["quota"]; };
  EXPECT_TRUE(wait_until([&] { return quota()["used"]["bytes"] == 1 << 20; })) << "it is measured";
  EXPECT_EQ(quota(), nlohmann::json::parse(R"({
    "limits": {"images_per_user": 3, "bytes_per_user": 8388608, "builds_per_user": 2, "images": 10, "bytes": null},
    "used": {"images": 4, "bytes": 1048576, "builds": 1},
    "users": [{"uid": 0, "images": 1, "bytes": 0, "builds": 0},
              {"uid": 1234, "images": 2, "bytes": 1048576, "builds": 0},
              {"uid": 65534, "images": 1, "bytes": 0, "builds": 1}]})"));
  EXPECT_THAT(run_program({"status", mount_->mount_point()}).text,
              AllOf(HasSubstr("quota        all users: images 4 of 10, bytes 1M, builds 1\n"),
                    HasSubstr("quota        user 1234: images 2 of 3, bytes 1M of 8M, builds 0 of 2\n"),
                    HasSubstr("quota        user 0: images 1, bytes 0B, builds 0\n")));
  EXPECT_THAT(read_file(AT_FDCWD, at(".templatefs/metrics")),
              AllOf(HasSubstr("\ntemplatefs_users 3\n"), HasSubstr("\ntemplatefs_images_limit 10\n"),
                    HasSubstr("\ntemplatefs_images_bytes 1048576\n")));
  formatter.release();
  EXPECT_EQ(other.wait(), 0);
  for (auto const* const name : {"a", "b", "r"}) ASSERT_EQ(::unlink(image(name).c_str()), 0);
  EXPECT_EQ(quota()["users"],
            nlohmann::json::parse(R"([{"uid": 65534, "images": 1, "bytes": 0, "builds": 0}])"));
}

TEST_F(QuotaOf, NothingLimitsNothingAndMeasuresNothing) {
  mount("");
  ASSERT_EQ(open_as(kLimited, "a"), "ok");
  auto const quota = status_of(mount_->mount_point())["quota"];
  for (auto const& limit : quota["limits"]) EXPECT_TRUE(limit.is_null());
  EXPECT_EQ(quota["used"], nlohmann::json::parse(R"({"images": 1, "bytes": null, "builds": 0})"));
  EXPECT_THAT(run_program({"status", mount_->mount_point()}).text, ::testing::Not(HasSubstr("quota")));
  EXPECT_THAT(read_file(AT_FDCWD, at(".templatefs/metrics")), ::testing::Not(HasSubstr("limit")));
}

TEST_F(QuotaOf, BuildsHasAUserWaitForItsTurnAndNobodyElse) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "builds one at a time: one processor";
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  mount("builds_per_user = 1");
  auto const built = run_program({"build", "--builder", "host", "--store", mount_->store(), "raw/1M"});
  ASSERT_TRUE(built.status.success()) << built.text;
  auto first = opener(kLimited, "ext4/16M/a.img");
  ASSERT_TRUE(formatter.wait_until_started());
  auto second = opener(kLimited, "ext4/17M/a.img");
  auto third = opener(kLimited, "ext4/18M/a.img");
  EXPECT_TRUE(wait_until([&] {
    return phases() == std::vector<std::string>{"format", "queued", "queued"};
  })) << ::testing::PrintToString(phases());
  EXPECT_EQ(open_as(kLimited, "a"), "ok") << "what needs no build waits for none";
  EXPECT_EQ(formatter.starts(), 1);
  auto bob = opener(kOther, "ext4/18M/b.img");
  EXPECT_TRUE(wait_until([&] { return formatter.starts() == 2; }))
      << "somebody else's wish brings it forward";
  EXPECT_EQ(second.wait(std::chrono::milliseconds(0)), -1);
  formatter.release();
  for (auto* const client : {&first, &second, &third, &bob}) EXPECT_EQ(client->wait(), 0);
  EXPECT_EQ(formatter.starts(), 3);
}

TEST_F(QuotaOf, BuildsThatWaitEndWithTheMount) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  mount("builds_per_user = 1");
  auto first = opener(kLimited, "ext4/16M/a.img");
  ASSERT_TRUE(formatter.wait_until_started());
  auto second = opener(kLimited, "ext4/17M/a.img");
  EXPECT_TRUE(wait_until([&] { return phases() == std::vector<std::string>{"format", "queued"}; }));
  mount_->daemon().signal(SIGTERM);
  for (auto* const client : {&first, &second}) EXPECT_EQ(client->wait(), ESHUTDOWN);
  EXPECT_TRUE(mount_->daemon().wait_for_end());
  EXPECT_EQ(formatter.starts(), 1);
}

}  // namespace

}  // namespace templatefs::test
