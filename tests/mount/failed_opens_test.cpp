// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/environment.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <gmock/gmock.h>

#include <unistd.h>

// An errno for the program, a sentence for the person: the same one wherever the person looks.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string errors_of(MountedStore const& mount) {
  return read_file(AT_FDCWD, mount / ".templatefs/errors");
}

std::string why_file(MountedStore const& mount, std::string const& path) {
  return read_file(AT_FDCWD, mount / ".templatefs/why" + "/" + path);
}

std::string why_command(std::string const& path) {
  return run_program({"why", path, "--builder", "host"}).text;
}

/// The errno's name and the sentence are in every place where somebody may look for them.
void expect_told_everywhere(MountedStore const& mount, std::string const& path, std::string const& errno_word,
                            ::testing::Matcher<std::string> const& sentence) {
  auto const line = AllOf(HasSubstr(path + ": " + errno_word), sentence);
  EXPECT_THAT(errors_of(mount), line);
  EXPECT_THAT(why_file(mount, path), line);
  EXPECT_THAT(xattr_of(mount / path, "user.templatefs.error"), line);
  EXPECT_THAT(why_command(mount / path), line);
  EXPECT_THAT(mount.daemon().output(), sentence);
}

class FailedOpens : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
};

TEST_F(FailedOpens, BelowTheMinimumIsRefusedAtOnceWithTheMinimum) {
  FormatterStandIn const formatter("mkfs.xfs", "exit 1");
  MountedStore const mount(kOnBtrfs);
  EXPECT_EQ(stat_of(mount / "xfs/256M/a.img").st_size, 256 << 20);
  EXPECT_EQ(open_outcome(mount / "xfs/256M/a.img", O_RDWR), "EINVAL");
  expect_told_everywhere(mount, "xfs/256M/a.img", "EINVAL",
                         AllOf(HasSubstr("xfs cannot be made in 256M"), HasSubstr("300M")));
  EXPECT_EQ(open_outcome(mount / "btrfs/64M/a.img", O_RDONLY), "EINVAL");
  expect_told_everywhere(mount, "btrfs/64M/a.img", "EINVAL", HasSubstr("109M"));
  EXPECT_EQ(formatter.starts(), 0);
  EXPECT_THAT(names_in_store(mount, "locks"), IsEmpty());
  EXPECT_THAT(names_in(mount / "xfs"), IsEmpty());
  // Nothing is said of names that nobody tried to open.
  EXPECT_EQ(xattr_of(mount / "xfs/256M/b.img", "user.templatefs.error"), "ENODATA");
  EXPECT_THAT(why_file(mount, "xfs/512M/b.img"), HasSubstr("no failed open is known"));
}

TEST_F(FailedOpens, AnEmptyImageBelowTheMinimumIsRefusedToo) {
  MountedStore const mount(kOnXfs);
  EXPECT_EQ(open_outcome(mount / "xfs/256M/a.img", O_RDWR | O_TRUNC), "EINVAL");
  EXPECT_EQ(outcome(::truncate((mount / "xfs/256M/b.img").c_str(), 0)), "EINVAL");
}

TEST_F(FailedOpens, ARefusedNameThatWasToBeCreatedIsExplained) {
  MountedStore const mount(kOnXfs);
  EXPECT_EQ(open_outcome(mount / "ext4/16M/a b.img", O_RDWR | O_CREAT, 0600), "ENOENT");
  EXPECT_THAT(errors_of(mount), AllOf(HasSubstr("ext4/16M/a b.img: ENOENT"), HasSubstr("templatefs path")));
  for (auto const& [path, reason] : {std::pair("ext4/16M/-a.img", "does not start with '-'"),
                                     {"ext4/16M/a", "is called <id>.img"},
                                     {"ext4/16m/a.img", "no capacity"},
                                     {"ext5/16M/a.img", "no recipe"},
                                     {"ext4/65T/a.img", "largest capacity"}}) {
    EXPECT_THAT(why_file(mount, path), AllOf(HasSubstr("ENOENT"), HasSubstr(reason))) << path;
    EXPECT_THAT(why_command(mount / path), HasSubstr(reason)) << path;
  }
  EXPECT_THAT(why_file(mount, "ext4/16M/" + std::string(201, 'x') + ".img"), HasSubstr("201 bytes"));
}

TEST_F(FailedOpens, AMissingFormatterIsNamedWithItsPackageUntilItIsThere) {
  LoopFilesystem const filesystem("xfs");
  TempDir const bin;
  std::string const real = find_on_path("mkfs.ext4");
  EnvironmentVariable const path("PATH", bin.path());
  Daemon const daemon(filesystem / "store", {"--builder", "host"});
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ENOPKG");
  // Where it is installed, outside of PATH, that is the remedy; else the package.
  auto const sentence = AllOf(HasSubstr("ENOPKG"), HasSubstr("mkfs.ext4 not found on PATH"),
                              AnyOf(HasSubstr("e2fsprogs"), HasSubstr("add that directory to PATH")));
  EXPECT_THAT(xattr_of(daemon / "ext4/16M/a.img", "user.templatefs.error"), sentence);
  EXPECT_THAT(read_file(AT_FDCWD, daemon / ".templatefs/errors"), sentence);
  EXPECT_EQ(open_outcome(daemon / "btrfs/256M/a.img", O_RDWR), "ENOPKG");
  EXPECT_THAT(xattr_of(daemon / "btrfs/256M/a.img", "user.templatefs.error"),
              HasSubstr("mkfs.btrfs not found on PATH"));
  EXPECT_EQ(open_outcome(daemon / "raw/1M/a.img", O_RDWR), "ok") << "raw needs none";

  ASSERT_EQ(outcome(::symlink(real.c_str(), (bin / "mkfs.ext4").c_str())), "ok");
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  EXPECT_EQ(xattr_of(daemon / "ext4/16M/a.img", "user.templatefs.error"), "ENODATA");
  EXPECT_THAT(read_file(AT_FDCWD, daemon / ".templatefs/errors"), Not(HasSubstr("ext4/16M")));
}

TEST_F(FailedOpens, AFailingFormatterIsQuotedAndForgottenOnceItSucceeds) {
  FormatterStandIn const formatter("mkfs.ext4",
                                   "[ -e $dir/mended ] && exec \"$real\" \"$@\"\n"
                                   "for line in $(seq 40); do echo \"complaint $line\"; done\nexit 3");
  MountedStore const mount(kOnXfs);
  EXPECT_EQ(open_outcome(mount / "ext4/16M/a.img", O_RDWR), "EIO");
  expect_told_everywhere(mount, "ext4/16M/a.img", "EIO",
                         AllOf(HasSubstr("exit status 3"), HasSubstr("complaint 21"),
                               HasSubstr("complaint 40"), Not(HasSubstr("complaint 20\n"))));
  EXPECT_THAT(names_in_store(mount, "templates"), IsEmpty());
  EXPECT_THAT(names_in(mount / "ext4/16M"), IsEmpty());
  EXPECT_EQ(stat_of(mount / "ext4/16M/a.img").st_blocks, 0);

  replace_file(AT_FDCWD, formatter.dir() + "/mended", "", 0644, false);
  // A failure is remembered for a moment.
  EXPECT_TRUE(wait_until([&] { return open_outcome(mount / "ext4/16M/a.img", O_RDWR) == "ok"; }));
  EXPECT_EQ(formatter.starts(), 2);
  EXPECT_EQ(xattr_of(mount / "ext4/16M/a.img", "user.templatefs.error"), "ENODATA");
  EXPECT_EQ(errors_of(mount), "");
  EXPECT_THAT(names_in_store(mount, "failures"), IsEmpty());
}

class ChangedFormatter : public FailedOpens {
 protected:
  /// A script that runs the real one; `remark` makes it another script, and so another key.
  void install(TempDir const& bin, std::string const& remark) const {
    std::string const script = "#!/bin/sh\n# " + remark + "\nexec " + real_ + " \"$@\"\n";
    replace_file(AT_FDCWD, bin / "mkfs.ext4", script, 0755, false);
    ASSERT_EQ(outcome(::chmod((bin / "mkfs.ext4").c_str(), 0755)), "ok");
  }
  std::string const real_ = find_on_path("mkfs.ext4");
};

TEST_F(ChangedFormatter, RemovedIsNoticedAtTheNextOpen) {
  LoopFilesystem const filesystem("xfs");
  TempDir const bin;
  EnvironmentVariable const path("PATH", bin.path() + ":/bin");
  install(bin, "first");
  Daemon const daemon(filesystem / "store", {"--builder", "host"});
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  ASSERT_EQ(outcome(::unlink((bin / "mkfs.ext4").c_str())), "ok");
  if (find_on_path("mkfs.ext4").empty())
    EXPECT_EQ(open_outcome(daemon / "ext4/16M/b.img", O_RDWR), "ENOPKG");
  else
    EXPECT_EQ(open_outcome(daemon / "ext4/16M/b.img", O_RDWR), "ok");
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok")
      << "an image that exists needs no formatter";
}

TEST_F(ChangedFormatter, ReplacedMeansAnotherTemplate) {
  LoopFilesystem const filesystem("xfs");
  TempDir const bin;
  EnvironmentVariable const path("PATH", bin.path() + ":" + std::getenv("PATH"));
  install(bin, "first");
  Daemon const daemon(filesystem / "store", {"--builder", "host"});
  auto const templates = [&] { return names_in(filesystem / "store/templates"); };
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  ASSERT_EQ(templates().size(), 1u);
  install(bin, "second");
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/b.img", O_RDWR), "ok");
  EXPECT_EQ(templates().size(), 2u);
  auto const why =
      run_program({"why", "ext4/16M", "--builder", "host", "--store", filesystem / "store"}).text;
  EXPECT_THAT(why, HasSubstr("built"));
  install(bin, "third");
  auto const later = run_program({"why", daemon / "ext4/16M/c.img", "--builder", "host"}).text;
  EXPECT_THAT(later, AllOf(HasSubstr("not built yet"), HasSubstr("was built from other inputs"),
                           HasSubstr("formatter_digest")));
  install(bin, "first");
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/d.img", O_RDWR), "ok");
  EXPECT_EQ(templates().size(), 2u) << "the first one's template is still good";
}

TEST_F(ChangedFormatter, ForgetsARememberedFailure) {
  LoopFilesystem const filesystem("xfs");
  TempDir const bin;
  EnvironmentVariable const path("PATH", bin.path() + ":" + std::getenv("PATH"));
  replace_file(AT_FDCWD, bin / "mkfs.ext4", "#!/bin/sh\ncase $1 in -V) echo broken 1 ;; *) exit 1 ;; esac\n",
               0755, false);
  ASSERT_EQ(outcome(::chmod((bin / "mkfs.ext4").c_str(), 0755)), "ok");
  Daemon const daemon(filesystem / "store", {"--builder", "host"});
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "EIO");
  install(bin, "mended");
  EXPECT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok") << "at once: no pause of the old key's";
}

}  // namespace

}  // namespace templatefs::test
