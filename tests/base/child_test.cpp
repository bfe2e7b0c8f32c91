// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/leak_check.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs {
namespace {

using namespace std::chrono_literals;

class ChildTest : public test::LeakCheck {};

bool is_running(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

TEST_F(ChildTest, TellsHowItEnded) {
  EXPECT_TRUE(Child::spawn({"true"}).wait(Deadline::after(20s))->success());
  auto const failed = Child::spawn({"sh", "-c", "exit 3"}).wait(Deadline::after(20s));
  EXPECT_EQ(failed->describe(), "exit status 3");
  auto const killed = Child::spawn({"sh", "-c", "kill -9 $$"}).wait(Deadline::after(20s));
  EXPECT_EQ(killed->describe(), "signal 9 (Killed)");
}

TEST_F(ChildTest, ASignalReachesTheProcessWhileItLives) {
  auto child = Child::spawn({"sleep", "60"});
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(Deadline::after(20s))->describe(), "signal 15 (Terminated)");
  child.signal(SIGKILL);  // to nobody
  EXPECT_EQ(child.wait(Deadline::after(20s))->describe(), "signal 15 (Terminated)");
}

TEST_F(ChildTest, LeavesNoCore) {
  EXPECT_EQ(run_command({"sh", "-c", "ulimit -c"}, Deadline::after(20s)).text, "0\n");
}

TEST_F(ChildTest, AMissingProgramIsAnErrorOfSpawn) {
  EXPECT_THROW(Child::spawn({"no-such-program-here"}), Error);
  EXPECT_THROW(Child::spawn({"/etc/passwd"}), Error);
}

TEST_F(ChildTest, WaitingEndsAtTheDeadline) {
  auto child = Child::spawn({"sleep", "60"});
  EXPECT_FALSE(child.wait(Deadline::after(20ms)));
}

TEST_F(ChildTest, TheDestructorKillsTheWholeGroup) {
  test::TempDir const dir;
  pid_t grandchild = 0;
  {
    auto const child = Child::spawn({"sh", "-c", "sleep 60 & echo $! > " + (dir / "pid") + "; wait"});
    ASSERT_TRUE(test::wait_until([&] {
      Fd const there = open_at_if_exists(AT_FDCWD, dir / "pid", O_RDONLY);
      return there && !(read_file(AT_FDCWD, dir / "pid")).empty();
    }));
    grandchild = std::atoi(read_file(AT_FDCWD, dir / "pid").c_str());
    ASSERT_TRUE(is_running(grandchild));
  }
  EXPECT_TRUE(test::wait_until([&] { return !is_running(grandchild); }));
}

TEST_F(ChildTest, DiesWithTheThreadThatMadeIt) {
  std::optional<Child> child;
  std::thread([&] { child.emplace(Child::spawn({"sleep", "60"})); }).join();
  auto const status = child->wait(Deadline::after(20s));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->describe(), "signal 9 (Killed)");
}

TEST_F(ChildTest, GetsTheDescriptorsItIsGivenAndNoneOfOurs) {
  Fd const null = open_at(AT_FDCWD, "/dev/null", O_RDONLY);
  Fd const ours(::fcntl(null.get(), F_DUPFD_CLOEXEC, 77));
  ASSERT_EQ(ours.get(), 77);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd const reader(ends[0]);
  Fd writer(ends[1]);
  // The numbers wanted may be numbers in use: 1 and 5 here, given from whatever the pipe got.
  auto child = Child::spawn({"sh", "-c", "[ -e /proc/self/fd/5 ] && [ ! -e /proc/self/fd/77 ] && echo fine"},
                            {{{1, writer.get()}, {5, reader.get()}}, {}});
  writer.reset();
  child.wait(Deadline::after(20s));
  char text[128] = {};
  ASSERT_GT(::read(reader.get(), text, sizeof text - 1), 0);
  EXPECT_EQ(std::string(text), "fine\n");
}

TEST_F(ChildTest, RunCommandCollectsBothStreams) {
  auto const output = run_command({"sh", "-c", "echo out; echo err >&2; exit 4"}, Deadline::after(20s));
  EXPECT_EQ(output.text, "out\nerr\n");
  EXPECT_EQ(output.status.code, 4);
}

TEST_F(ChildTest, RunCommandKeepsToItsLimits) {
  EXPECT_THROW(run_command({"sleep", "60"}, Deadline::after(30ms)), Error);
  EXPECT_EQ(run_command({"sh", "-c", "yes | head -c 100000"}, Deadline::after(20s), 10).text.size(), 10u);
}

class FindOnPathTest : public ChildTest {
 protected:
  void SetUp() override {
    ChildTest::SetUp();
    saved_ = std::getenv("PATH");
  }
  void TearDown() override {
    ::setenv("PATH", saved_.c_str(), 1);
    ChildTest::TearDown();
  }
  test::TempDir dir_;
  std::string saved_;
};

TEST_F(FindOnPathTest, TakesTheFirstNonEmptyRegularFile) {
  for (char const* const name : {"a", "b", "c"}) ASSERT_EQ(::mkdir((dir_ / name).c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((dir_ / "a/tool").c_str(), 0755), 0);    // a directory
  replace_file(AT_FDCWD, dir_ / "b/tool", "", 0755, false);  // empty
  replace_file(AT_FDCWD, dir_ / "c/tool.real", "x", 0644, false);
  ASSERT_EQ(::symlink("tool.real", (dir_ / "c/tool").c_str()), 0);
  ::setenv("PATH",
           ((dir_ / "missing") + ":" + (dir_ / "a") + ":" + (dir_ / "b") + ":" + (dir_ / "c")).c_str(), 1);
  EXPECT_EQ(find_on_path("tool"), dir_ / "c/tool.real");
  EXPECT_EQ(find_on_path("other"), "");
  ::unsetenv("PATH");
  EXPECT_EQ(find_on_path("tool"), "");
}

}  // namespace
}  // namespace templatefs
