// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "base/mount_table.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <gmock/gmock.h>

#include <signal.h>
#include <unistd.h>

// How images are made where the store can reflink, where it cannot, and where it gets a filesystem of its
// own.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class FanOutOfMount : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
  /// Two images of one template: alike, private, sparse.
  static void expect_private_sparse_images(Daemon const& daemon) {
    auto const first = open_file(daemon / "ext4/64M/first.img");
    EXPECT_EQ(stat_of(first.get()).st_size, 64 << 20);
    EXPECT_LT(stat_of(first.get()).st_blocks * 512, 16 << 20);
    EXPECT_EQ(read_at(first.get(), 2, 1080), "\x53\xEF");
    auto const before = file_sha256(daemon / "ext4/64M/second.img");
    EXPECT_EQ(file_sha256(daemon / "ext4/64M/first.img"), before);
    write_at(first.get(), "mine alone", 5 << 20);
    EXPECT_EQ(file_sha256(daemon / "ext4/64M/second.img"), before);
    EXPECT_EQ(file_sha256(daemon / "ext4/64M/third.img"), before);
  }
  static std::string fan_out_of(Daemon const& daemon) {
    auto const shown = status_of(daemon.mount_point())["store"]["fanout"].get<std::string>();
    EXPECT_EQ(xattr_of(daemon / "ext4/64M/first.img", "user.templatefs.fanout"), shown);
    EXPECT_THAT(daemon.output(), HasSubstr("fan-out " + shown));
    return shown;
  }
};

TEST_F(FanOutOfMount, IsReflinkWhereTheStoreCan) {
  for (char const* const type : {"xfs", "btrfs"}) {
    LoopFilesystem const filesystem(type);
    Daemon const daemon(filesystem / "store", {"--builder", "host", "--fanout", "reflink"});
    expect_private_sparse_images(daemon);
    EXPECT_EQ(fan_out_of(daemon), "reflink") << type;
  }
}

TEST_F(FanOutOfMount, IsASparseCopyWhereThatIsAskedFor) {
  for (char const* const type : {"xfs", "ext4"}) {
    LoopFilesystem const filesystem(type);
    Daemon const daemon(filesystem / "store", {"--builder", "host", "--fanout", "copy"});
    expect_private_sparse_images(daemon);
    EXPECT_EQ(fan_out_of(daemon), "copy") << type;
    EXPECT_NE(::access((filesystem / "store.img").c_str(), F_OK), 0)
        << "no filesystem of its own was asked for";
  }
}

TEST_F(FanOutOfMount, ReflinkIsRefusedWhereTheStoreCannot) {
  LoopFilesystem const filesystem("ext4");
  TempDir const dir;
  auto const refused = [&] {
    auto const output = run_program({"mount", "--builder", "host", "--fanout", "reflink", "--store",
                                     filesystem / "deep/store", dir / "mnt"});
    EXPECT_EQ(output.status.describe(), "exit status 1");
    EXPECT_FALSE(mount_at(dir / "mnt"));
    return output.text;
  };
  auto const named =
      AllOf(HasSubstr("btrfs (0x9123683e)"), HasSubstr("(0x58465342)"),
            HasSubstr("FICLONE-based per-test fan-out"), HasSubstr("statfs.f_type=0xef53"),
            HasSubstr(filesystem / "deep/store"), HasSubstr("TEMPLATEFS_STORE"), HasSubstr("raw"));
  auto const above = refused();
  EXPECT_THAT(above, AllOf(named, HasSubstr("no part of"), HasSubstr("ancestor " + filesystem.path())));
  EXPECT_NE(::access((filesystem / "deep").c_str(), F_OK), 0) << "the gate comes before the first mkdir";

  ASSERT_EQ(outcome(::mkdir((filesystem / "deep").c_str(), 0755)), "ok");
  ASSERT_EQ(outcome(::mkdir((filesystem / "deep/store").c_str(), 0755)), "ok");
  EXPECT_THAT(refused(), AllOf(named, Not(HasSubstr("no part of")), Not(HasSubstr("ancestor"))));
}

class OwnFilesystem : public FanOutOfMount {
 protected:
  void SetUp() override {
    FanOutOfMount::SetUp();
    if (IsSkipped()) return;
    ext4_ = std::make_unique<LoopFilesystem>("ext4");
  }
  void TearDown() override {
    ext4_.reset();
    FanOutOfMount::TearDown();
  }
  std::string store() const { return *ext4_ / "store"; }
  std::string file() const { return store() + ".img"; }
  std::unique_ptr<Daemon> start(std::vector<std::string> const& more = {}) const {
    std::vector<std::string> options{"--builder", "host"};
    options.insert(options.end(), more.begin(), more.end());
    return std::make_unique<Daemon>(store(), options);
  }

 private:
  std::unique_ptr<LoopFilesystem> ext4_;
};

TEST_F(OwnFilesystem, IsMadeUsedAndUnmountedAgain) {
  FormatterStandIn const formatter("mkfs.ext4", "exec \"$real\" \"$@\"");
  {
    auto const daemon = start({"--store-size", "600M"});
    ASSERT_TRUE(mount_at(store()));
    EXPECT_THAT(mount_at(store())->type, ::testing::AnyOf("xfs", "btrfs"));
    EXPECT_EQ(stat_of(file()).st_size, 600 << 20);
    EXPECT_EQ(stat_of(file()).st_mode & 0777, 0600u);
    EXPECT_LT(stat_of(file()).st_blocks * 512, 200 << 20) << "sparse";
    auto const status = status_of(daemon->mount_point());
    EXPECT_EQ(status["store"]["own_filesystem"], true);
    EXPECT_THAT(status["store"]["explanation"].get<std::string>(),
                AllOf(HasSubstr("ext4"), HasSubstr(file())));
    expect_private_sparse_images(*daemon);
    EXPECT_EQ(fan_out_of(*daemon), "reflink");
    EXPECT_EQ(xattr_of(*daemon / "ext4/64M/first.img", "user.templatefs.passthrough"), "yes");
    daemon->signal(SIGTERM);
    EXPECT_EQ(daemon->wait_for_end()->describe(), "exit status 0");
  }
  EXPECT_FALSE(mount_at(store())) << "all users are gone";

  auto const again = start({"--store-size", "700M"});
  EXPECT_EQ(stat_of(file()).st_size, 600 << 20);
  EXPECT_THAT(again->output(), HasSubstr("--store-size 700M is not applied"));
  EXPECT_EQ(open_outcome(*again / "ext4/64M/a.img", O_RDWR), "ok");
  EXPECT_EQ(formatter.starts(), 1) << "the template was kept";
}

TEST_F(OwnFilesystem, GivesTheSpaceOfUnlinkedImagesBackToItsFile) {
  auto const daemon = start({"--store-size", "1G"});
  write_at(open_file(*daemon / "raw/1M/warm-up.img").get(), "x", 0);
  auto const used = [&] { return stat_of(file()).st_blocks * 512; };
  auto const before = used();
  {
    auto const image = open_file(*daemon / "raw/256M/big.img");
    std::string const block(8 << 20, 'x');
    for (int each = 0; each < 16; ++each) write_at(image.get(), block, each * (off_t{8} << 20));
    ASSERT_EQ(outcome(::fsync(image.get())), "ok");
  }
  EXPECT_GT(used(), before + (120 << 20));
  ASSERT_EQ(outcome(::unlink((*daemon / "raw/256M/big.img").c_str())), "ok");
  // Sooner or later by itself; at once where the freed blocks are written to the log.
  auto const inside = open_file(store(), O_RDONLY | O_DIRECTORY);
  EXPECT_TRUE(wait_until([&] { return ::syncfs(inside.get()) == 0 && used() < before + (32 << 20); }));
}

TEST_F(OwnFilesystem, IsSharedByItsUsersAndUnmountedByTheLast) {
  auto first = start({"--store-size", "600M"});
  auto second = start();
  EXPECT_EQ(open_outcome(*first / "ext4/64M/first.img", O_RDWR), "ok");
  EXPECT_EQ(open_outcome(*second / "ext4/64M/first.img", O_RDWR), "ok");
  EXPECT_EQ(names_in(store() + "/templates").size(), 1u);
  first.reset();
  ASSERT_TRUE(mount_at(store()));
  EXPECT_EQ(open_outcome(*second / "ext4/64M/second.img", O_RDWR), "ok");
  EXPECT_THAT(run_program({"ls", "--store", store()}).text, HasSubstr("ext4-64m-"));
  ASSERT_TRUE(mount_at(store())) << "a command beside a mount does not take it away";
  second.reset();
  EXPECT_FALSE(mount_at(store()));
  EXPECT_THAT(run_program({"ls", "--store", store()}).text, HasSubstr("ext4-64m-"));
  EXPECT_FALSE(mount_at(store())) << "nor does one leave it mounted";
}

TEST_F(OwnFilesystem, OfAKilledDaemonIsUsedByTheNext) {
  {
    auto const dead = start({"--store-size", "600M"});
    ASSERT_EQ(open_outcome(*dead / "ext4/64M/first.img", O_RDWR), "ok");
    dead->kill(true);
  }
  ASSERT_TRUE(mount_at(store()));
  {
    auto const next = start();
    EXPECT_THAT(next->output(), HasSubstr("swept 1 session"));
    expect_private_sparse_images(*next);
  }
  EXPECT_FALSE(mount_at(store()));
}

TEST_F(OwnFilesystem, MustFitOnItsHost) {
  TempDir const dir;
  for (auto const& [size, reason] :
       {std::pair("100G", "80 % of the free space"), {"100M", "the least is 512M"}}) {
    auto const output =
        run_program({"mount", "--builder", "host", "--store", store(), "--store-size", size, dir / "mnt"});
    EXPECT_EQ(output.status.describe(), "exit status 1") << size;
    EXPECT_THAT(output.text, HasSubstr(reason)) << size;
  }
  EXPECT_FALSE(mount_at(store()));
  EXPECT_NE(::access(file().c_str(), F_OK), 0);
}

}  // namespace

}  // namespace templatefs::test
