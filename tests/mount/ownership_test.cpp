// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <gmock/gmock.h>

#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr uid_t kAlice = 1234;
constexpr uid_t kBob = 65534;

class Ownership : public SharedMount {};

TEST_F(Ownership, AnImageBelongsToItsFirstOpener) {
  EXPECT_EQ(open_outcome_as(kAlice, image("alice"), O_RDWR), "ok");
  EXPECT_EQ(owner_of(image("alice")), "1234 1234 0600");
  EXPECT_EQ(open_outcome_as(kBob, image("bob"), O_RDONLY), "ok");
  EXPECT_EQ(owner_of(image("bob")), "65534 65534 0600");
  EXPECT_EQ(open_outcome(image("root"), O_RDWR), "ok");
  EXPECT_EQ(owner_of(image("root")), "0 0 0600");
}

TEST_F(Ownership, IsNeverMoreThanItsOwners) {
  EXPECT_EQ(outcome_as(kAlice,
                       [&] {
                         ::umask(0);
                         return ::open(image().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
                       }),
            "ok");
  EXPECT_EQ(owner_of(image()), "1234 1234 0600");
}

TEST_F(Ownership, ANameThatNobodyOpenedIsShownAsTheAskers) {
  EXPECT_EQ(owner_of(image()), "0 0 0666");
  EXPECT_EQ(outcome_as(kAlice, [&] { return owner_of(image()) == "1234 1234 0666" ? 0 : -1; }), "ok");
  EXPECT_EQ(outcome_as(kBob, [&] { return owner_of(image()) == "65534 65534 0666" ? 0 : -1; }), "ok");
}

TEST_F(Ownership, AnotherUserCanNeitherReadNorChangeNorRemoveIt) {
  std::string const path = image("alice");
  ASSERT_EQ(open_outcome_as(kAlice, path, O_RDWR), "ok");
  ASSERT_EQ(open_outcome_as(kBob, image("bob"), O_RDWR), "ok");
  for (int const flags :
       {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_TRUNC, O_RDWR | O_CREAT, O_RDONLY | O_DIRECT})
    EXPECT_EQ(open_outcome_as(kBob, path, flags, 0600), "EACCES") << flags;
  EXPECT_EQ(outcome_as(kBob, [&] { return ::truncate(path.c_str(), 0); }), "EACCES");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::unlink(path.c_str()); }), "EPERM");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::rename(path.c_str(), image("mine").c_str()); }), "EPERM");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::rename(image("bob").c_str(), path.c_str()); }), "EPERM");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::chmod(path.c_str(), 0666); }), "EPERM");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::chown(path.c_str(), kBob, kBob); }), "EPERM");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::utimes(path.c_str(), nullptr); }), "EACCES");
  EXPECT_EQ(owner_of(path), "1234 1234 0600");
  EXPECT_EQ(open_outcome_as(kAlice, path, O_RDWR), "ok");
}

TEST_F(Ownership, AnotherUserMayLookAtIt) {
  ASSERT_EQ(open_outcome_as(kAlice, image(), O_RDWR), "ok");
  EXPECT_EQ(outcome_as(kBob,
                       [&] {
                         struct stat st {};
                         return ::stat(image().c_str(), &st);
                       }),
            "ok");
}

TEST_F(Ownership, ItsOwnerMayRemoveAndRenameIt) {
  ASSERT_EQ(open_outcome_as(kAlice, image("a"), O_RDWR), "ok");
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::rename(image("a").c_str(), image("b").c_str()); }), "ok");
  EXPECT_EQ(owner_of(image("b")), "1234 1234 0600");
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::chmod(image("b").c_str(), 0640); }), "ok");
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::chown(image("b").c_str(), kBob, kBob); }), "EPERM");
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::unlink(image("b").c_str()); }), "ok");
  // As new: whoever comes first has it.
  EXPECT_EQ(open_outcome_as(kBob, image("b"), O_RDWR), "ok");
  EXPECT_EQ(owner_of(image("b")), "65534 65534 0600");
}

TEST_F(Ownership, DirectoriesAreStickyAndNobodysToChange) {
  for (char const* const name : {".", "raw", "raw/1M"}) {
    EXPECT_EQ(stat_of(at(name)).st_mode & 07777, 01777u) << name;
    EXPECT_EQ(outcome(::chmod(at(name).c_str(), 0777)), "EPERM") << name;
    EXPECT_EQ(outcome(::chown(at(name).c_str(), kAlice, kAlice)), "EPERM") << name;
  }
}

TEST_F(Ownership, RootMayDoAllOfIt) {
  ASSERT_EQ(open_outcome_as(kAlice, image(), O_RDWR), "ok");
  EXPECT_EQ(open_outcome(image(), O_RDWR), "ok");
  EXPECT_EQ(owner_of(image()), "1234 1234 0600") << "root is not its first opener";
  EXPECT_EQ(outcome(::unlink(image().c_str())), "ok");
}

TEST_F(Ownership, RootMayGiveItAway) {
  // As libvirt does for the user that QEMU runs as.
  ASSERT_EQ(open_outcome(image(), O_RDWR), "ok");
  EXPECT_EQ(open_outcome_as(kAlice, image(), O_RDWR), "EACCES");
  EXPECT_EQ(outcome(::chown(image().c_str(), kAlice, kAlice)), "ok");
  EXPECT_EQ(owner_of(image()), "1234 1234 0600");
  EXPECT_EQ(open_outcome_as(kAlice, image(), O_RDWR), "ok");
  EXPECT_EQ(open_outcome_as(kBob, image(), O_RDONLY), "EACCES");
  EXPECT_EQ(outcome(::chmod(image().c_str(), 0644)), "ok");
  EXPECT_EQ(owner_of(image()), "1234 1234 0644");
  EXPECT_EQ(open_outcome_as(kBob, image(), O_RDONLY), "ok");
  EXPECT_EQ(open_outcome_as(kBob, image(), O_RDWR), "EACCES");
}

/// libvirt takes ENODATA for the promise that it may set the attribute, and starts no machine where it then
/// may not.
TEST_F(Ownership, WhoseItWasIsRememberedWithItForLibvirt) {
  std::string const name = "trusted.libvirt.security.dac";
  auto const set = [&](std::string const& path, std::string const& value, int flags) {
    return outcome(::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), flags));
  };
  EXPECT_EQ(set(image(), "+0:+0", 0), "EOPNOTSUPP") << "of a name that nobody opened";
  ASSERT_EQ(open_outcome(image(), O_RDWR), "ok");
  EXPECT_EQ(xattr_of(image(), name), "ENODATA");
  EXPECT_EQ(set(image(), "+0:+0", XATTR_REPLACE), "ENODATA");
  EXPECT_EQ(set(image(), "+0:+0", XATTR_CREATE), "ok");
  EXPECT_EQ(set(image(), "+0:+0", XATTR_CREATE), "EEXIST");
  EXPECT_EQ(set(image(), "+7:+7", 0), "ok");
  EXPECT_EQ(set(image(), std::string(2000, 'x'), 0), "E2BIG");
  EXPECT_EQ(set(at("raw/1M"), "+0:+0", 0), "EOPNOTSUPP");
  for (int each = 0; each < 15; ++each)
    EXPECT_EQ(outcome(::setxattr(image().c_str(), (name + std::to_string(each)).c_str(), "", 0, 0)), "ok");
  EXPECT_EQ(outcome(::setxattr(image().c_str(), (name + "more").c_str(), "", 0, 0)), "ENOSPC");
  EXPECT_EQ(::listxattr(image().c_str(), nullptr, 0), 0) << "copies carry none of it along";

  // It goes with the image, and with nothing else.
  EXPECT_EQ(outcome(::chown(image().c_str(), kAlice, kAlice)), "ok");
  EXPECT_EQ(outcome(::rename(image().c_str(), image("moved").c_str())), "ok");
  EXPECT_EQ(xattr_of(image("moved"), name), "+7:+7");
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::getxattr(image("moved").c_str(), name.c_str(), nullptr, 0); }),
            "ENODATA");
  EXPECT_EQ(outcome_as(kAlice, [&] { return ::setxattr(image("moved").c_str(), name.c_str(), "", 0, 0); }),
            "EPERM");
  ASSERT_EQ(open_outcome(image(), O_RDWR), "ok");
  EXPECT_EQ(xattr_of(image(), name), "ENODATA");
  EXPECT_EQ(outcome(::removexattr(image("moved").c_str(), name.c_str())), "ok");
  EXPECT_EQ(outcome(::removexattr(image("moved").c_str(), name.c_str())), "ENODATA");
  EXPECT_EQ(xattr_of(image("moved"), name), "ENODATA");
  ASSERT_EQ(set(image("moved"), "again", 0), "ok");
  ASSERT_EQ(outcome(::unlink(image("moved").c_str())), "ok");
  ASSERT_EQ(open_outcome(image("moved"), O_RDWR), "ok");
  EXPECT_EQ(xattr_of(image("moved"), name), "ENODATA");
}

TEST_F(Ownership, SetuidSetgidAndStickyBitsAreRefused) {
  ASSERT_EQ(open_outcome(image(), O_RDWR), "ok");
  for (mode_t const mode : {04600, 02600, 01600, 07777})
    EXPECT_EQ(outcome(::chmod(image().c_str(), mode)), "EPERM") << mode;
  EXPECT_EQ(owner_of(image()), "0 0 0600");
}

TEST_F(Ownership, ChownOfANameThatNobodyOpenedMakesTheImage) {
  EXPECT_EQ(outcome(::chown(image().c_str(), kAlice, kAlice)), "ok");
  EXPECT_EQ(owner_of(image()), "1234 1234 0600");
  EXPECT_THAT(names_in(at("raw/1M")), Contains("ChownOfANameThatNobodyOpenedMakesTheImage-a.img"));
  EXPECT_EQ(open_outcome_as(kBob, image(), O_RDONLY), "EACCES");
  EXPECT_EQ(open_outcome_as(kAlice, image(), O_RDWR), "ok");
}

TEST_F(Ownership, ANameThatNobodyOpenedCannotBeGivenAway) {
  EXPECT_EQ(outcome_as(kBob, [&] { return ::chown(image().c_str(), kAlice, kAlice); }), "EPERM");
  EXPECT_THAT(names_in(at("raw/1M")), Not(Contains("ANameThatNobodyOpenedCannotBeGivenAway-a.img")));
}

TEST_F(Ownership, ThroughAnotherSpellingIsTheSame) {
  ASSERT_EQ(open_outcome_as(kAlice, at("raw/1G/spelling.img"), O_RDWR), "ok");
  EXPECT_EQ(open_outcome_as(kBob, at("raw/1024M/spelling.img"), O_RDONLY), "EACCES");
  EXPECT_EQ(open_outcome_as(kAlice, at("raw/1024M/spelling.img"), O_RDONLY), "ok");
}

class OwnershipWhileBuilding : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
};

TEST_F(OwnershipWhileBuilding, TheFirstToAskHasItAndAnotherUserIsTurnedAwayAtOnce) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  MountedStore const mount(kOnXfs);
  std::string const path = mount / "ext4/16M/a.img";
  Client alice([&] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; }, kAlice);
  ASSERT_TRUE(formatter.wait_until_started());
  EXPECT_EQ(open_outcome_as(kBob, path, O_RDWR), "EACCES");
  EXPECT_EQ(outcome_as(kBob, [&] { return ::truncate(path.c_str(), 0); }), "EACCES");
  Client again([&] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; }, kAlice);
  Client root([&] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; });
  ASSERT_TRUE(wait_until([&] { return status_of(mount.mount_point())["waiting_requests"] == 3; }));
  formatter.release();
  EXPECT_EQ(alice.wait(), 0);
  EXPECT_EQ(again.wait(), 0);
  EXPECT_EQ(root.wait(), 0);
  EXPECT_EQ(owner_of(path), "1234 1234 0600");
  EXPECT_EQ(open_outcome_as(kBob, path, O_RDWR), "EACCES");
  EXPECT_EQ(formatter.starts(), 1);
}

}  // namespace

}  // namespace templatefs::test
