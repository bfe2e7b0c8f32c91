// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <chrono>

#include <gmock/gmock.h>

#include <sys/xattr.h>
#include <unistd.h>

// Images whose files have yet to get their names in the store: nobody who goes by the mount can tell, and who
// goes by the store finds them.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class LateNamesOfMount : public FreshStore, public ::testing::WithParamInterface<char const*> {
 protected:
  std::string filesystem_type() const override { return GetParam(); }

  /// One that was made ahead, with this text at its beginning.
  void make(Daemon const& daemon, std::string const& name, std::string const& text) const {
    auto const are_ready = [&] { return status_of(daemon.mount_point())["spares"] == kAtFirst; };
    (void)open_outcome(daemon / "raw/1M/first.img", O_RDWR);
    ASSERT_TRUE(wait_until(are_ready));
    write_at(open_file(daemon / ("raw/1M/" + name)).get(), text, 0);
    ASSERT_TRUE(wait_until(are_ready)) << "another one in its place";
    ASSERT_FALSE(has_its_name(daemon, name)) << "what is to be seen here is over before it was looked at";
  }
  static std::string text_of(std::string const& path) { return read_at(open_file(path).get(), 4, 0); }
  std::string images_of(Daemon const& daemon) const {
    return store("/sessions/" + status_of(daemon.mount_point())["session"].get<std::string>() + "/images");
  }
  bool has_its_name(Daemon const& daemon, std::string const& name) const {
    auto const named = names_in(images_of(daemon) + "/raw/1M");
    return std::find(named.begin(), named.end(), name) != named.end();
  }
  std::size_t files_of_spares(Daemon const& daemon) const {
    return names_in(images_of(daemon) + "/.spares").size();
  }
  static std::string revert(std::string const& path) {
    return outcome(::setxattr(path.c_str(), "user.templatefs.revert", "", 0, 0));
  }

  static constexpr int kAtFirst = 8;
};

TEST_P(LateNamesOfMount, ComeInAWhile) {
  Daemon const daemon(store());
  make(daemon, "a.img", "text");
  auto const open = open_file(daemon / "raw/1M/a.img");
  write_at(open.get(), "more", 0);
  ASSERT_TRUE(wait_until([&] { return has_its_name(daemon, "a.img"); }, 30s));
  EXPECT_EQ(read_at(open.get(), 4, 0), "more") << "to an opener of before";
  EXPECT_EQ(text_of(daemon / "raw/1M/a.img"), "more");
  EXPECT_EQ(outcome(::unlink((daemon / "raw/1M/a.img").c_str())), "ok");
  EXPECT_FALSE(has_its_name(daemon, "a.img"));
}

TEST_P(LateNamesOfMount, AreListedBefore) {
  Daemon const daemon(store());
  make(daemon, "a.img", "text");
  auto const output = run({"ls", "--images", "--json"});
  ASSERT_TRUE(output.status.success()) << output.text;
  std::vector<std::string> paths;
  auto const listed = Json::parse(output.text);
  for (auto const& each : listed["images"]) paths.push_back(each["path"]);
  EXPECT_THAT(paths, ElementsAre("raw/1M/a.img", "raw/1M/first.img"));
  EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("a.img", "first.img"));
  EXPECT_GE(stat_of(daemon / "raw/1M/a.img").st_blocks, 1) << "idle, and looked at by its path";
}

TEST_P(LateNamesOfMount, AnUnlinkTakesTheFile) {
  Daemon const daemon(store());
  make(daemon, "a.img", "text");
  auto const before = files_of_spares(daemon);
  ASSERT_EQ(outcome(::unlink((daemon / "raw/1M/a.img").c_str())), "ok");
  EXPECT_EQ(files_of_spares(daemon), before - 1);
  EXPECT_EQ(read_at(open_file(daemon / "raw/1M/a.img").get(), 4, 0), std::string(4, '\0')) << "it is as new";
}

TEST_P(LateNamesOfMount, ARenameReplacesOneThatHasNoneYet) {
  Daemon const daemon(store());
  make(daemon, "a.img", "aaaa");
  make(daemon, "b.img", "bbbb");
  auto const before = files_of_spares(daemon);
  ASSERT_EQ(outcome(::rename((daemon / "raw/1M/a.img").c_str(), (daemon / "raw/1M/b.img").c_str())), "ok");
  EXPECT_EQ(text_of(daemon / "raw/1M/b.img"), "aaaa");
  EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("b.img", "first.img"));
  EXPECT_TRUE(has_its_name(daemon, "b.img"));
  EXPECT_EQ(files_of_spares(daemon), before - 2);
}

TEST_P(LateNamesOfMount, AnFsyncGivesOneAtOnce) {
  Daemon const daemon(store());
  make(daemon, "a.img", "text");
  ASSERT_EQ(outcome(::fsync(open_file(daemon / "raw/1M/a.img").get())), "ok");
  EXPECT_TRUE(has_its_name(daemon, "a.img"));
}

TEST_P(LateNamesOfMount, OneGoesBackToItsTemplate) {
  Daemon const daemon(store());
  make(daemon, "a.img", "text");
  ASSERT_EQ(revert(daemon / "raw/1M/a.img"), "ok");
  EXPECT_EQ(text_of(daemon / "raw/1M/a.img"), std::string(4, '\0'));
}

TEST_P(LateNamesOfMount, OneThatIsPinnedIsKept) {
  {
    Daemon daemon(store());
    make(daemon, "a.img", "kept");
    ASSERT_TRUE(run_program({"pin", daemon / "raw/1M/a.img"}).status.success());
    make(daemon, "b.img", "gone");
    daemon.kill(true);
  }
  Daemon const daemon(store());
  EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("a.img"));
  EXPECT_EQ(text_of(daemon / "raw/1M/a.img"), "kept");
}

TEST_P(LateNamesOfMount, AreRecoveredAfterAKill) {
  TempDir const point;
  std::string const mount_point = point / "mnt";
  ASSERT_EQ(outcome(::mkdir(mount_point.c_str(), 0755)), "ok");
  {
    Daemon daemon(store(), {"--builder", "host"}, mount_point);
    make(daemon, "a.img", "gone");
    ASSERT_EQ(outcome(::unlink((daemon / "raw/1M/a.img").c_str())), "ok");
    make(daemon, "b.img", "kept");
    make(daemon, "c.img", "mine");
    daemon.kill(true);
  }
  Daemon const daemon(store(), {"--builder", "host", "--recover"}, mount_point);
  EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("b.img", "c.img", "first.img"));
  EXPECT_EQ(text_of(daemon / "raw/1M/b.img"), "kept");
  EXPECT_EQ(text_of(daemon / "raw/1M/c.img"), "mine");
  EXPECT_TRUE(has_its_name(daemon, "b.img"));
}

TEST_P(LateNamesOfMount, NothingIsLeftOfThem) {
  {
    Daemon const daemon(store());
    make(daemon, "a.img", "text");
  }
  EXPECT_THAT(names_in(store("/sessions")), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Stores, LateNamesOfMount, ::testing::Values(kOnXfs, kOnBtrfs),
                         [](auto const& each) { return std::string(each.param); });

}  // namespace

}  // namespace templatefs::test
