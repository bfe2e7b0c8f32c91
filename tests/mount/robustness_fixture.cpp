// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/robustness_fixture.h"

#include "base/files.h"
#include "tests/mount/observe.h"

#include <algorithm>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace templatefs::test {

void expect_no_sanitizer_report(std::string const& output) {
  for (char const* const words : {"ThreadSanitizer", "AddressSanitizer", "LeakSanitizer", "runtime error:"})
    EXPECT_EQ(output.find(words), std::string::npos) << output;
}

void RobustnessTest::SetUp() {
  LeakCheck::SetUp();
  if (::geteuid() != 0) GTEST_SKIP() << "loop filesystems need root";
  use_filesystem("xfs");
}

void RobustnessTest::TearDown() {
  // Last first: where one daemon took over another's mount point, the first one's end would unmount it.
  while (!daemons_.empty()) {
    check_end(daemons_.back());
    daemons_.pop_back();
  }
  filesystem_.reset();
  LeakCheck::TearDown();
}

void RobustnessTest::use_filesystem(std::string const& type, std::int64_t bytes) {
  filesystem_.reset();
  filesystem_.emplace(type, bytes);
}

std::vector<std::string> RobustnessTest::in_store(std::string const& directory) const {
  std::vector<std::string> names;
  for_each_entry(AT_FDCWD, store() + "/" + directory,
                 [&](std::string const& name) { names.push_back(name); });
  std::sort(names.begin(), names.end());
  return names;
}

Daemon& RobustnessTest::mount(std::vector<std::string> const& options, std::string const& mount_point) {
  daemons_.push_back({std::make_unique<Daemon>(store(), options, mount_point)});
  return *daemons_.back().daemon;
}

void RobustnessTest::unmount(Daemon& daemon) {
  check_end(find(daemon));
}

void RobustnessTest::kill(Daemon& daemon) {
  expect_killed(daemon);
  daemon.kill(false);
}

void RobustnessTest::expect_killed(Daemon const& daemon) {
  find(daemon).killed = true;
}

RobustnessTest::Running& RobustnessTest::find(Daemon const& daemon) {
  return *std::find_if(daemons_.begin(), daemons_.end(),
                       [&](Running const& each) { return each.daemon.get() == &daemon; });
}

void RobustnessTest::check_end(Running& running) {
  if (running.ended) return;
  running.ended = true;
  Daemon& daemon = *running.daemon;
  if (!running.killed) {
    auto const session = status_of(daemon).value("session", "");
    daemon.signal(SIGTERM);
    auto const status = daemon.wait_for_end();
    EXPECT_TRUE(status && status->success())
        << "the daemon " << (status ? "ended with " + status->describe() : "did not end") << "\n"
        << daemon.output();
    auto const sessions = in_store("sessions");
    EXPECT_EQ(std::count(sessions.begin(), sessions.end(), session), 0)
        << "its session was left in the store";
  } else {
    daemon.kill(false);
  }
  expect_no_sanitizer_report(daemon.output());
}

}  // namespace templatefs::test
