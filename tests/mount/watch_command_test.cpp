// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/on_terminal.h"
#include "tests/support/wait_until.h"

#include <csignal>
#include <cstdlib>
#include <optional>
#include <sstream>

#include <gmock/gmock.h>

#include <unistd.h>

// The commands that show what mounts do, as they do it.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

class WatchCommand : public FreshStore {};
class TopCommand : public FreshStore {};

/// `templatefs watch` into a file.
class Watching {
 public:
  Watching(std::string file, std::string const& mount_point, std::vector<std::string> const& options = {})
      : file_(std::move(file)), child_(start(file_, mount_point, options)) {}
  std::string text() const { return read_file(AT_FDCWD, file_); }
  bool says(std::string const& words) const {
    return wait_until([&] { return text().find(words) != std::string::npos; });
  }
  void signal(int number) const { child_.signal(number); }
  std::optional<ExitStatus> end() { return child_.wait(Deadline::after(15s)); }

 private:
  static Child start(std::string const& file, std::string const& mount_point,
                     std::vector<std::string> const& options) {
    std::vector<std::string> words{program_path(), "watch", mount_point};
    words.insert(words.end(), options.begin(), options.end());
    Fd const out = open_at(AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    return Child::spawn(words, {.descriptors = {{1, out.get()}}, .environment = {}});
  }

  std::string file_;
  Child child_;
};

TEST_F(WatchCommand, SaysWhatBecomesOfBuildsUntilTheMountEnds) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  auto daemon = std::make_unique<Daemon>(store());
  Watching lines(beside("lines"), daemon->mount_point());
  Watching objects(beside("objects"), daemon->mount_point(), {"--json"});
  Client opener([path = *daemon / "ext4/16M/a.img"] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; });
  EXPECT_TRUE(lines.says(daemon->mount_point() + "/ext4/16M: format, ")) << lines.text();
  EXPECT_TRUE(objects.says("\"phase\"")) << objects.text();
  formatter.release();
  EXPECT_EQ(opener.wait(), 0);
  EXPECT_TRUE(lines.says(daemon->mount_point() + "/ext4/16M: done in ")) << lines.text();
  EXPECT_TRUE(objects.says("\"done\"")) << objects.text();
  EXPECT_THAT(lines.text(), ::testing::ContainsRegex("20[0-9-]+T[0-9:]+Z /"));
  daemon.reset();
  EXPECT_TRUE(lines.end().value().success());
  EXPECT_TRUE(objects.end().value().success());
  std::istringstream text(objects.text());
  for (std::string line; std::getline(text, line);) {
    auto const json = Json::parse(line);
    EXPECT_EQ(json["schema"], "templatefs.watch/1");
    EXPECT_EQ(json["template"], "ext4/16M");
    EXPECT_NE(json["event"], "failed");
  }
}

TEST_F(WatchCommand, TellsAFailureAndEndsOnASignal) {
  FormatterStandIn const formatter(
      "mkfs.ext4", ": > $dir/started\n" + FormatterStandIn::waiting_line() + "echo no luck; exit 7");
  Daemon const daemon(store());
  Watching lines(beside("lines"), daemon.mount_point());
  Client opener([path = daemon / "ext4/16M/a.img"] { return open_outcome(path, O_RDWR) == "EIO" ? 0 : 1; });
  EXPECT_TRUE(lines.says("ext4/16M: format, ")) << lines.text();
  formatter.release();
  EXPECT_EQ(opener.wait(), 0);
  EXPECT_TRUE(lines.says("ext4/16M: failed after ")) << lines.text();
  EXPECT_THAT(lines.text(), HasSubstr("exit status 7"));
  lines.signal(SIGINT);
  EXPECT_TRUE(lines.end().value().success());
}

TEST_F(TopCommand, FillsATerminalAndLeavesItAsItWas) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  Daemon const daemon(store());
  Client opener([path = daemon / "ext4/16M/a.img"] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; });
  for (auto const* const way_out : {"q", "\033", "signal"}) {
    OnTerminal top({program_path(), "top", daemon.mount_point()});
    EXPECT_TRUE(top.shows("ext4/16M")) << top.text();
    EXPECT_TRUE(top.shows("format")) << top.text();
    EXPECT_THAT(top.text(), AllOf(StartsWith("\033[?1049h\033[?25l"), HasSubstr("q quits")));
    EXPECT_FALSE(top.echoes());
    if (std::string_view(way_out) == "signal")
      top.signal(SIGINT);
    else
      top.type(way_out);
    EXPECT_TRUE(top.end().value().success()) << way_out;
    EXPECT_THAT(top.text(), ::testing::EndsWith("\033[?25h\033[?1049l"));
    EXPECT_TRUE(top.echoes());
  }
  formatter.release();
  EXPECT_EQ(opener.wait(), 0);
}

TEST_F(WatchCommand, KeepsALineForEachBuildOnATerminal) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  Daemon const daemon(store());
  // Too narrow for the path: its end is what has to be seen, and what becomes of it.
  OnTerminal watch({program_path(), "watch", daemon.mount_point()}, 40);
  Client opener([path = daemon / "ext4/16M/a.img"] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; });
  EXPECT_TRUE(watch.shows("ext4/16M: format, ")) << watch.text();
  EXPECT_TRUE(watch.shows("\033[A\r\033[K")) << "the line is drawn anew";
  formatter.release();
  EXPECT_EQ(opener.wait(), 0);
  EXPECT_TRUE(watch.shows("ext4/16M: done in ")) << watch.text();
  watch.signal(SIGTERM);
  EXPECT_TRUE(watch.end().value().success());
}

TEST_F(TopCommand, RefusesWhatIsNoTerminal) {
  Daemon const daemon(store());
  auto const output = run_program({"top", daemon.mount_point()});
  EXPECT_EQ(output.status.describe(), "exit status 1");
  EXPECT_THAT(output.text, AllOf(HasSubstr("It is for terminals"), Not(HasSubstr("\033"))));
}

}  // namespace

}  // namespace templatefs::test
