// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"

#include <gmock/gmock.h>

#include <signal.h>
#include <sys/xattr.h>
#include <unistd.h>

// Images that outlive their mount: pinned ones, and those of a mount that crashed.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;

constexpr char kKeep[] = "user.templatefs.keep";

class Pin : public FreshStore, public ::testing::WithParamInterface<char const*> {
 protected:
  std::string filesystem_type() const override { return GetParam(); }

  static void write(std::string const& path, std::string const& text) {
    write_at(open_file(path).get(), text, 0);
  }
  static std::string text_of(std::string const& path) { return read_at(open_file(path).get(), 4, 0); }
  static void pin(std::string const& image, std::string const& reason = "") {
    auto const output = run_program({"pin", "--reason", reason, image});
    EXPECT_TRUE(output.status.success()) << output.text;
  }
  static std::string set_keep(std::string const& path, std::string const& reason = "") {
    return outcome(::setxattr(path.c_str(), kKeep, reason.data(), reason.size(), 0));
  }
  static std::string remove_keep(std::string const& path) {
    return outcome(::removexattr(path.c_str(), kKeep));
  }
  Json images() const {
    auto const output = run({"ls", "--images", "--json"});
    EXPECT_TRUE(output.status.success()) << output.text;
    return Json::parse(output.text)["images"];
  }
  std::vector<std::string> kept(std::string const& below) const { return names_in(store("/pinned" + below)); }
};

TEST_P(Pin, APinnedImageIsInTheNextMountAsItWas) {
  {
    Daemon const daemon(store());
    write(daemon / "raw/1M/a.img", "kept");
    write(daemon / "raw/1M/b.img", "gone");
    ASSERT_EQ(outcome(::chown((daemon / "raw/1M/a.img").c_str(), 1000, 1001)), "ok");
    pin(daemon / "raw/1M/a.img", "fsck failed");
    ASSERT_EQ(outcome(::chmod((daemon / "raw/1M/a.img").c_str(), 0640)), "ok");
    write(daemon / "raw/1M/a.img", "late");
    EXPECT_EQ(xattr_of(daemon / "raw/1M/a.img", kKeep), "fsck failed");
    EXPECT_EQ(images()[0]["state"], "live");
    EXPECT_EQ(images()[0]["where"], daemon.mount_point());
  }
  auto const left = images();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]["path"], "raw/1M/a.img");
  EXPECT_EQ(left[0]["state"], "kept");
  EXPECT_EQ(left[0]["reason"], "fsck failed");
  EXPECT_THAT(run({"ls", "--images"}).text, AllOf(HasSubstr("raw/1M/a.img"), HasSubstr("fsck failed")));
  for (int round = 0; round < 2; ++round) {
    Daemon const daemon(store());
    EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("a.img"));
    EXPECT_EQ(owner_of(daemon / "raw/1M/a.img"), "1000 1001 0640");
    EXPECT_EQ(text_of(daemon / "raw/1M/a.img"), "late");
    EXPECT_EQ(xattr_of(daemon / "raw/1M/a.img", kKeep), "fsck failed");
    EXPECT_THAT(kept(""), IsEmpty());
  }
}

TEST_P(Pin, AnUnpinnedOneGoesWithItsMount) {
  {
    Daemon const daemon(store());
    write(daemon / "raw/1M/a.img", "text");
    pin(daemon / "raw/1M/a.img");
  }
  {
    Daemon const daemon(store());
    auto const output = run_program({"unpin", daemon / "raw/1M/a.img"});
    EXPECT_TRUE(output.status.success()) << output.text;
    EXPECT_EQ(xattr_of(daemon / "raw/1M/a.img", kKeep), "ENODATA");
  }
  EXPECT_EQ(images().size(), 0u);
  Daemon const daemon(store());
  EXPECT_THAT(names_in(daemon / "raw/1M"), IsEmpty());
}

TEST_P(Pin, OutlivesAKillAndTheSweepOfAnybody) {
  {
    Daemon daemon(store());
    write(daemon / "raw/1M/a.img", "kept");
    write(daemon / "raw/1M/b.img", "gone");
    pin(daemon / "raw/1M/a.img");
    daemon.kill(true);
  }
  EXPECT_EQ(images()[0]["state"], "dead");
  EXPECT_TRUE(run({"clean", "--debris"}).status.success());
  EXPECT_THAT(names_in(store("/sessions")), IsEmpty());
  Daemon const daemon(store());
  EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("a.img"));
  EXPECT_EQ(text_of(daemon / "raw/1M/a.img"), "kept");
}

TEST_P(Pin, TwoOfOnePathAreBothKept) {
  {
    Daemon const first(store());
    Daemon const second(store());
    for (auto const* const daemon : {&first, &second}) {
      write(*daemon / "raw/1M/a.img", daemon == &first ? "one." : "two.");
      pin(*daemon / "raw/1M/a.img");
    }
  }
  EXPECT_THAT(kept("/raw/1M"), ElementsAre("a.img", "a~2.img"));
  Daemon const daemon(store());
  EXPECT_THAT((std::vector{text_of(daemon / "raw/1M/a.img"), text_of(daemon / "raw/1M/a~2.img")}),
              UnorderedElementsAre("one.", "two."));
}

TEST_P(Pin, FollowsARenameAndEndsWithAnUnlink) {
  {
    Daemon const daemon(store());
    for (char const* const name : {"a", "b"}) {
      write(daemon / "raw/1M/" + name + ".img", name + std::string("..."));
      pin(daemon / "raw/1M/" + name + ".img");
    }
    ASSERT_EQ(outcome(::rename((daemon / "raw/1M/a.img").c_str(), (daemon / "raw/1M/c.img").c_str())), "ok");
    ASSERT_EQ(outcome(::unlink((daemon / "raw/1M/b.img").c_str())), "ok");
  }
  EXPECT_THAT(kept("/raw/1M"), ElementsAre("c.img"));
}

TEST_P(Pin, KeepsADiskOfASetInItsSet) {
  {
    Daemon const daemon(store());
    write(daemon / "raw/1M/t.d/TEST.img", "test");
    write(daemon / "raw/1M/t.d/SCRATCH.img", "gone");
    pin(daemon / "raw/1M/t.d/TEST.img");
  }
  Daemon const daemon(store());
  EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("t.d"));
  EXPECT_THAT(names_in(daemon / "raw/1M/t.d"), ElementsAre("TEST.img"));
  EXPECT_EQ(text_of(daemon / "raw/1M/t.d/TEST.img"), "test");
  write(daemon / "raw/1M/t.d/SCRATCH.img", "more");
}

TEST_P(Pin, OneThatTheNextMountCannotShowStaysForOneThatCan) {
  replace_file(AT_FDCWD, beside("config.toml"), "[recipe.mine]\nfilesystem = \"raw\"\n", 0600, false);
  std::vector<std::string> const configured{"--builder", "host", "--config", beside("config.toml")};
  {
    Daemon const daemon(store(), configured);
    write(daemon / "mine/1M/a.img", "mine");
    pin(daemon / "mine/1M/a.img");
  }
  {
    Daemon const daemon(store());
    EXPECT_THAT(kept("/mine/1M"), ElementsAre("a.img"));
  }
  Daemon const daemon(store(), configured);
  EXPECT_EQ(text_of(daemon / "mine/1M/a.img"), "mine");
}

TEST_P(Pin, TheAttributeSaysWhatIsWrong) {
  Daemon const daemon(store(), {"--builder", "host", "-o", "allow_other"});
  write(daemon / "raw/1M/a.img", "text");
  EXPECT_EQ(set_keep(daemon / "raw/1M/name.img"), "ENOENT") << "it made an image of a name";
  EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("a.img"));
  EXPECT_EQ(remove_keep(daemon / "raw/1M/a.img"), "ENODATA");
  EXPECT_EQ(set_keep(daemon / "raw/1M"), "EOPNOTSUPP");
  EXPECT_EQ(set_keep(daemon / "raw/1M/a.img", std::string(1025, 'x')), "E2BIG");
  EXPECT_EQ(outcome(::setxattr((daemon / "raw/1M/a.img").c_str(), "user.mine", "x", 1, 0)), "EOPNOTSUPP");
  std::string const path = daemon / "raw/1M/a.img";
  EXPECT_EQ(outcome_as(1000, [&] { return ::setxattr(path.c_str(), kKeep, "", 0, 0); }), "EACCES");
  EXPECT_EQ(set_keep(path, "\xff nonsense"), "ok");
  EXPECT_EQ(set_keep(path, "again"), "ok");
  EXPECT_EQ(xattr_of(path, kKeep), "again");
  EXPECT_EQ(outcome(::setxattr(path.c_str(), kKeep, "", 0, XATTR_CREATE)), "EEXIST");
  EXPECT_EQ(outcome(::listxattr(path.c_str(), nullptr, 0)), "ok");
  EXPECT_EQ(::listxattr(path.c_str(), nullptr, 0), 0) << "a copy with attributes would be pinned, too";
  EXPECT_EQ(remove_keep(path), "ok");

  EXPECT_THAT(run_program({"pin", daemon / "raw/1M/name.img"}).text, HasSubstr("nobody has opened it yet"));
  EXPECT_THAT(run_program({"pin", beside("x.img")}).text, HasSubstr("no mounted templatefs"));
  EXPECT_THAT(run_program({"unpin", path}).text, HasSubstr("not pinned"));
}

TEST_P(Pin, ARecoveringMountShowsWhatACrashLeft) {
  TempDir const dir;
  std::string const mount_point = dir / "mnt";
  {
    Daemon daemon(store(), {"--builder", "host"}, mount_point);
    write(daemon / "raw/1M/a.img", "here");
    write(daemon / "raw/1M/t.d/TEST.img", "test");
    write(daemon / "raw/1M/p.img", "pin.");
    pin(daemon / "raw/1M/p.img");
    daemon.kill(true);
  }
  {
    Daemon const daemon(store(), {"--builder", "host", "--recover"}, mount_point);
    EXPECT_THAT(names_in(daemon / "raw/1M"), ElementsAre("a.img", "p.img", "t.d"));
    EXPECT_EQ(text_of(daemon / "raw/1M/a.img"), "here");
    EXPECT_EQ(text_of(daemon / "raw/1M/t.d/TEST.img"), "test");
    EXPECT_EQ(xattr_of(daemon / "raw/1M/p.img", kKeep), "");
    write(daemon / "raw/1M/new.img", "new.");
  }
  EXPECT_THAT(names_in(store("/sessions")), IsEmpty()) << "what was recovered goes with its mount";
  EXPECT_THAT(kept("/raw/1M"), ElementsAre("p.img"));
}

TEST_P(Pin, WhatCrashedElsewhereIsNotRecovered) {
  {
    Daemon daemon(store());
    write(daemon / "raw/1M/a.img", "here");
    daemon.kill(true);
  }
  Daemon const daemon(store(), {"--builder", "host", "--recover"});
  EXPECT_THAT(names_in(daemon / "raw/1M"), IsEmpty());
  EXPECT_EQ(names_in(store("/sessions")).size(), 1u);
}

TEST_P(Pin, WithoutRecoverNothingOfACrashIsThere) {
  TempDir const dir;
  {
    Daemon daemon(store(), {"--builder", "host"}, dir / "mnt");
    write(daemon / "raw/1M/a.img", "here");
    daemon.kill(true);
  }
  Daemon const daemon(store(), {"--builder", "host"}, dir / "mnt");
  EXPECT_THAT(names_in(daemon / "raw/1M"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Stores, Pin, ::testing::Values(kOnXfs, kOnBtrfs),
                         [](auto const& each) { return std::string(each.param); });

}  // namespace

}  // namespace templatefs::test
