// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/fault_injection.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/verify_store.h"
#include "tests/support/wait_until.h"

#include <cerrno>

#include <gmock/gmock.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::IsEmpty;

/// One system call of the daemon that fails, and what the opener may get for it.
struct Fault {
  char const* name;
  char const* injected;
  int answer;
};

void PrintTo(Fault const& fault, std::ostream* out) {
  *out << fault.injected;
}

class FaultAt : public RobustnessTest, public ::testing::WithParamInterface<Fault> {
 protected:
  void expect_daemon_unharmed(Daemon const& daemon, std::string const& image) {
    EXPECT_TRUE(wait_until([&] { return errno_of_open(daemon / image) == 0; }, 10s))
        << "the failure has stayed: " << error_of(daemon / image);
    EXPECT_EQ(errno_of_open(daemon / "raw/8M/other.img"), 0);
    EXPECT_THAT(faults_of_templates(store()), IsEmpty());
    EXPECT_EQ(status_of(daemon)["waiting_requests"], 0);
    EXPECT_TRUE(wait_until([&] { return status_of(daemon)["images"]["open"] == 0; }));
    EXPECT_THAT(temporaries(store()), IsEmpty());
  }
};

class FaultInAColdOpen : public FaultAt {};

TEST_P(FaultInAColdOpen, FailsThatOpenAlone) {
  Daemon const& daemon = mount();
  ASSERT_EQ(errno_of_open(daemon / "raw/8M/first.img"), 0);
  {
    FaultInjection const fault(daemon, FaultInjection::Threads::builder, GetParam().injected);
    Client client([&] { return errno_of_open(daemon / "ext4/64M/fault.img"); });
    EXPECT_THAT(client.wait(30s), AnyOf(GetParam().answer, 0)) << daemon.output();
    EXPECT_TRUE(fault.happened()) << "the daemon makes no such call: " << fault.log();
  }
  expect_daemon_unharmed(daemon, "ext4/64M/fault.img");
}

INSTANTIATE_TEST_SUITE_P(Calls, FaultInAColdOpen,
                         ::testing::Values(Fault{"LockFileOpen", "openat:error=EMFILE:when=12", EMFILE},
                                           Fault{"PipeOfTheFormatter", "pipe2:error=EMFILE:when=5", EMFILE},
                                           Fault{"ForkOfTheFormatter", "clone:error=EAGAIN:when=3", EAGAIN},
                                           Fault{"StagingDirectory", "mkdirat:error=ENOSPC:when=1", ENOSPC},
                                           Fault{"StagingLength", "ftruncate:error=EIO:when=1", EIO},
                                           Fault{"SyncOfTheImage", "fsync:error=EIO:when=2", EIO},
                                           Fault{"SyncOfTheManifest", "fsync:error=ENOSPC:when=4", ENOSPC},
                                           Fault{"SyncOfTheEntry", "fsync:error=EIO:when=6", EIO},
                                           Fault{"Publish", "renameat2:error=ENOSPC:when=1", ENOSPC},
                                           Fault{"PublishInputOutput", "renameat2:error=EIO:when=1", EIO},
                                           Fault{"SyncOfTheParent", "fsync:error=EIO:when=7", EIO},
                                           Fault{"ImageDirectory", "mkdirat:error=ENOSPC:when=2", ENOSPC},
                                           Fault{"Clone", "ioctl:error=ENOSPC:when=1", ENOSPC},
                                           Fault{"CloneInputOutput", "ioctl:error=EIO:when=1", EIO},
                                           Fault{"BackingRegistration", "ioctl:error=EMFILE:when=2", 0}),
                         [](auto const& each) { return std::string(each.param.name); });

class FaultInAWarmOpen : public FaultAt {};

TEST_P(FaultInAWarmOpen, FailsThatOpenAlone) {
  Daemon const& daemon = mount();
  ASSERT_EQ(errno_of_open(daemon / "ext4/64M/warm.img"), 0);
  {
    FaultInjection const fault(daemon, FaultInjection::Threads::all, GetParam().injected);
    Client client([&] { return errno_of_open(daemon / "ext4/64M/fault.img"); });
    EXPECT_THAT(client.wait(30s), AnyOf(GetParam().answer, 0)) << daemon.output();
    EXPECT_TRUE(fault.happened()) << "the daemon makes no such call: " << fault.log();
  }
  expect_daemon_unharmed(daemon, "ext4/64M/fault.img");
}

INSTANTIATE_TEST_SUITE_P(Calls, FaultInAWarmOpen,
                         ::testing::Values(Fault{"NewImage", "openat:error=EMFILE:when=1", EMFILE},
                                           Fault{"NewImageNoSpace", "openat:error=ENOSPC:when=1", ENOSPC},
                                           Fault{"Clone", "ioctl:error=ENOSPC:when=1", ENOSPC},
                                           Fault{"CloneInputOutput", "ioctl:error=EIO:when=1", EIO},
                                           Fault{"CloneNotSupported", "ioctl:error=EOPNOTSUPP:when=1", 0}),
                         [](auto const& each) { return std::string(each.param.name); });

}  // namespace

}  // namespace templatefs::test
