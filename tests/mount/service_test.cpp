// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/support/datagram_socket.h"
#include "tests/support/scoped_variable.h"

#include <gmock/gmock.h>

#include <fcntl.h>

// What a service manager hears, and how mount(8) and fstab(5) come to a mount.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Service = FreshStore;

TEST_F(Service, HearsWhenTheMountAnswersWhatItDoesAndWhenItEnds) {
  DatagramSocket const manager(beside("notify"));
  ScopedVariable const told("NOTIFY_SOCKET", beside("notify"));
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  {
    Daemon const daemon(store());
    EXPECT_THAT(manager.receive(),
                AllOf(StartsWith("READY=1\nMAINPID=" + std::to_string(daemon.pid()) + "\n"),
                      HasSubstr("STATUS=" + daemon.mount_point() + ": 0 images, 0 open")));
    Client opener([&] { return open_outcome(daemon / "ext4/16M/a.img", O_RDWR) == "ok" ? 0 : 1; });
    EXPECT_THAT(manager.receive_with("building ext4/16M"), StartsWith("STATUS="));
    formatter.release();
    EXPECT_THAT(manager.receive_with("1 image,"), Not(HasSubstr("building")));
    EXPECT_EQ(opener.wait(), 0);
  }
  EXPECT_THAT(manager.receive_with("STOPPING=1"), Not(IsEmpty()));
}

/// A namespace of its own in which this program is mount(8)'s helper and fstab is the test's.
class Fstab : public FreshStore {
 protected:
  void SetUp() override {
    FreshStore::SetUp();
    if (IsSkipped()) return;
    // Not in dir_: an overlay takes no other one for its upper directory.
    make_directories(AT_FDCWD, beside("upper"), 0755);
    make_directories(AT_FDCWD, beside("work"), 0755);
    make_directories(AT_FDCWD, dir_ / "mnt", 0755);
  }
  std::string mount_point() const { return dir_ / "mnt"; }
  /// Runs a script of commands there, with nothing but these in their environment.
  CommandOutput run_in_namespace(std::string const& fstab, std::string const& script) const {
    replace_file(AT_FDCWD, dir_ / "fstab", fstab + "\n", 0644, false);
    std::string const prepare =
        "set -e; mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=" + beside("upper") +
        ",workdir=" + beside("work") + " /usr/sbin; for name in templatefs fuse.templatefs; do ln -sf " +
        program_path() + " /usr/sbin/mount.$name; done; mount --bind " + dir_ / "fstab" +
        " /etc/fstab; set +e; M=" + mount_point() + "; S=" + store() + "\n";
    return run_command({"unshare", "--mount", "env", "-i", "/bin/bash", "-c", prepare + script},
                       Deadline::after(std::chrono::seconds(60)));
  }

  TempDir dir_;
};

TEST_F(Fstab, MountsByMountPointFromABareEnvironmentAndOnlyOnce) {
  for (std::string const type : {"templatefs", "fuse.templatefs"}) {
    auto const output = run_in_namespace(
        store() + " " + mount_point() + " " + type +
            " rw,nofail,_netdev,noexec,allow_other,builder=host,x-systemd.automount,x-mount.mkdir 0 0",
        "/bin/mount $M && echo mounted $?; /bin/mount -a -t $(/bin/findmnt -no FSTYPE $M),templatefs; echo "
        "again $?;"
        "/bin/findmnt -no FSTYPE,SOURCE,OPTIONS $M | /usr/bin/wc -l; /bin/findmnt -no OPTIONS $M;"
        "/bin/head -c 4 $M/raw/1M/a.img | /usr/bin/wc -c; /bin/umount $M; echo unmounted $?");
    EXPECT_THAT(output.text, AllOf(HasSubstr("mounted 0\n"), HasSubstr("again 0\n1\n"), HasSubstr("noexec"),
                                   HasSubstr("\n4\nunmounted 0\n")))
        << type;
  }
}

TEST_F(Fstab, AFailureHasMountsExitStatusAndAReason) {
  auto const output = run_in_namespace(
      "",
      "/bin/mount -t templatefs -o nonsense=1 $S $M; echo $?; /bin/mount -t templatefs -o builder=host $S "
      "$S/none/mnt;"
      "echo $?; /usr/sbin/mount.templatefs $S; echo $?; /bin/mount -f -t templatefs $S $M; echo $?;"
      "/usr/sbin/mount.templatefs -f $S $M -o builder=nobody; echo $?");
  EXPECT_THAT(output.text, AllOf(HasSubstr("nonsense"), HasSubstr("32\n"),
                                 HasSubstr("mount.templatefs SPEC DIR"), HasSubstr("--builder: nobody")));
  EXPECT_THAT(output.text, ::testing::EndsWith("\n1\n"));
}

}  // namespace

}  // namespace templatefs::test
