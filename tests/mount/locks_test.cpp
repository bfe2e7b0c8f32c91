// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <cerrno>

#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

// What QEMU's image locking stands on: locks between processes, gone with their holder.
namespace templatefs::test {

namespace {

/// Tries an exclusive lock without waiting.
using TryLock = long (*)(int fd);

long with_flock(int fd) {
  return ::flock(fd, LOCK_EX | LOCK_NB);
}

struct flock byte_range(short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = 100;  // QEMU locks single bytes from 100 and 200 on
  range.l_len = 1;
  return range;
}

long with_posix(int fd) {
  auto range = byte_range(F_WRLCK);
  return ::fcntl(fd, F_SETLK, &range);
}

long with_ofd(int fd) {
  auto range = byte_range(F_WRLCK);
  return ::fcntl(fd, F_OFD_SETLK, &range);
}

struct Kind {
  char const* name;
  TryLock try_lock;
};

void PrintTo(Kind const& kind, std::ostream* out) {
  *out << kind.name;
}

class Locks : public SharedMount, public ::testing::WithParamInterface<Kind> {
 protected:
  void SetUp() override {
    SharedMount::SetUp();
    if (IsSkipped()) return;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    locked_read_ = Fd(ends[0]);
    locked_write_ = Fd(ends[1]);
  }
  void TearDown() override {
    locked_read_.reset();
    locked_write_.reset();
    SharedMount::TearDown();
  }
  /// A process that takes the lock and holds it until it is killed.
  Client holder(std::string const& path) {
    return Client([this, path] {
      auto const file = open_file(path);
      char const answer = GetParam().try_lock(file.get()) == 0 ? 'y' : 'n';
      if (::write(locked_write_.get(), &answer, 1) != 1) return 1;
      ::pause();
      return 0;
    });
  }
  char holders_answer() const {
    char answer = '?';
    return ::read(locked_read_.get(), &answer, 1) == 1 ? answer : '!';
  }
  std::string try_here(int fd) const { return outcome(GetParam().try_lock(fd)); }

 private:
  Fd locked_read_;
  Fd locked_write_;
};

TEST_P(Locks, ExcludeAnotherProcessUntilTheirHolderIsKilled) {
  auto const file = open_file(image("locked"));
  Client const first = holder(image("locked"));
  ASSERT_EQ(holders_answer(), 'y');
  EXPECT_EQ(try_here(file.get()), "EAGAIN");
  {
    Client const second = holder(image("locked"));
    EXPECT_EQ(holders_answer(), 'n');
  }
  EXPECT_EQ(try_here(file.get()), "EAGAIN") << "a loser's end frees nothing";
  auto const other = open_file(image("other"));
  EXPECT_EQ(try_here(other.get()), "ok") << "another image is another lock";
  first.signal(SIGKILL);
  EXPECT_TRUE(wait_until([&] { return try_here(file.get()) == "ok"; }));
  EXPECT_TRUE(status_of(mount().mount_point())["nodes"] > 0) << "the daemon knows nothing of it and lives";
}

TEST_P(Locks, AreNotInheritedByTheNextImageOfThatName) {
  Client const first = holder(image());
  ASSERT_EQ(holders_answer(), 'y');
  ASSERT_EQ(outcome(::unlink(image().c_str())), "ok");
  auto const fresh = open_file(image());
  EXPECT_EQ(try_here(fresh.get()), "ok");
}

INSTANTIATE_TEST_SUITE_P(Kinds, Locks,
                         ::testing::Values(Kind{"flock", with_flock}, Kind{"posix", with_posix},
                                           Kind{"ofd", with_ofd}),
                         [](auto const& each) { return std::string(each.param.name); });

}  // namespace

}  // namespace templatefs::test
