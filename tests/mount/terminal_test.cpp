// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/tmux_terminal.h"
#include "tests/support/wait_until.h"

#include <gmock/gmock.h>

#include <sys/stat.h>

// What people see on their terminals: `top`, and the lines that are drawn anew.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct Size {
  unsigned columns;
  unsigned rows;
};
constexpr Size kSmall{80, 24};
constexpr Size kLarge{200, 60};

class OnATerminal : public FreshStore {
 protected:
  void SetUp() override {
    FreshStore::SetUp();
    if (!IsSkipped() && find_on_path("tmux").empty()) GTEST_SKIP() << "needs tmux";
  }
  /// A client of a mount whose open succeeds.
  static Client opener(std::string const& path) {
    return Client([path] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; });
  }
  static std::size_t count_lines(TmuxTerminal const& terminal, std::string const& words) {
    std::size_t count = 0;
    for (auto const& line : terminal.lines()) count += line.find(words) == std::string::npos ? 0 : 1;
    return count;
  }
};

/// A path of this length in the directory, wherever that is: of the sizes below only the large one has room
/// for it.
std::string long_path(TempDir const& dir, char letter, std::string const& end = "") {
  constexpr std::size_t kLength = 120;
  auto const taken = dir.path().size() + 1 + end.size();
  return dir / (std::string(taken < kLength ? kLength - taken : 1, letter) + end);
}

void expect_top(TmuxTerminal const& terminal, Size size, std::string const& mount_point) {
  auto const lines = terminal.lines();
  ASSERT_THAT(lines, SizeIs(size.rows));
  EXPECT_THAT(lines[0], MatchesRegex("templatefs top  [0-9TZ:-]+  1 mount, 1 build  q quits"));
  EXPECT_EQ(lines[1], "");
  EXPECT_THAT(lines[2], MatchesRegex("MOUNT +IMAGES +OPEN +OPENS/S +FAIL/S +WAITING +STORE"));
  EXPECT_THAT(lines[3], MatchesRegex(".* +1 +1 +[0-9.]+ +[0-9.]+ +1 +[0-9.]+[KMG]? of [0-9.]+[KMG]"));
  if (size.columns == kLarge.columns)
    EXPECT_THAT(lines[3], StartsWith(mount_point + "  "));
  else
    EXPECT_THAT(lines[3],
                AllOf(StartsWith("<"), HasSubstr(mount_point.substr(mount_point.size() - 19) + " ")));
  EXPECT_THAT(lines[5], MatchesRegex("BUILD +PHASE +ELAPSED +IMAGES +WAITING"));
  EXPECT_THAT(lines[6], MatchesRegex(".*/ext4/16M  format  [0-9.]+ s +1 +1"));
  EXPECT_EQ(lines[8], "LAST FAILURES");
  EXPECT_THAT(lines[9], ContainsRegex("Z xfs/16M/a.img: EINVAL: "));
  EXPECT_FALSE(terminal.wraps()) << terminal.text();
}

TEST_F(OnATerminal, TopFitsEachSizeItGetsAndLeavesTheScreenAsItWas) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  TempDir const dir;
  std::string const mount_point = long_path(dir, 'm');
  ASSERT_EQ(outcome(::mkdir(mount_point.c_str(), 0755)), "ok");
  Daemon const daemon(store(), {"--builder", "host"}, mount_point);
  auto const open = open_file(daemon / "raw/1M/a.img");
  ASSERT_EQ(open_outcome(daemon / "xfs/16M/a.img", O_RDWR), "EINVAL");
  auto client = opener(daemon / "ext4/16M/a.img");
  for (auto const& size : {kSmall, kLarge}) {
    TmuxTerminal terminal(size.columns, size.rows);
    terminal.run("echo before; " + program_path() + " top " + mount_point);
    ASSERT_TRUE(terminal.shows("LAST FAILURES")) << terminal.text();
    ASSERT_TRUE(terminal.shows(" format ")) << terminal.text();
    expect_top(terminal, size, mount_point);
    EXPECT_TRUE(terminal.has_alternate_screen());
    EXPECT_FALSE(terminal.has_cursor());

    auto const other = size.rows == kSmall.rows ? kLarge : kSmall;
    terminal.resize(other.columns, other.rows);
    bool const grows = other.rows == kLarge.rows;
    ASSERT_TRUE(
        terminal.shows((grows ? "\n" : "\n<") + mount_point.substr(grows ? 0 : mount_point.size() - 19)));
    expect_top(terminal, other, mount_point);

    terminal.type("q");
    EXPECT_TRUE(terminal.shows_no("q quits")) << terminal.text();
    EXPECT_TRUE(terminal.shows("before\nready>")) << terminal.text();
    EXPECT_FALSE(terminal.has_alternate_screen());
    EXPECT_TRUE(terminal.has_cursor());
  }
  formatter.release();
  EXPECT_EQ(client.wait(), 0);
}

TEST_F(OnATerminal, WatchDrawsALineForEachBuildAndNeverMore) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  TempDir const dir;
  std::string const mount_point = long_path(dir, 'm');
  ASSERT_EQ(outcome(::mkdir(mount_point.c_str(), 0755)), "ok");
  Daemon const daemon(store(), {"--builder", "host"}, mount_point);
  auto client = opener(daemon / "ext4/16M/a.img");
  ASSERT_TRUE(formatter.wait_until_started());
  TmuxTerminal small(kSmall.columns, kSmall.rows);
  TmuxTerminal large(kLarge.columns, kLarge.rows);
  for (auto* const terminal : {&small, &large}) {
    terminal->run(program_path() + " watch " + mount_point);
    ASSERT_TRUE(terminal->shows("/ext4/16M: format, ")) << terminal->text();
    auto const first = terminal->line_with("/ext4/16M");
    ASSERT_TRUE(terminal->shows_no(first)) << "it is drawn anew";
    EXPECT_EQ(count_lines(*terminal, "/ext4/16M"), 1u) << terminal->text();
    EXPECT_THAT(terminal->line_with("/ext4/16M"), EndsWith(" s, 1 waiting"));
    EXPECT_FALSE(terminal->wraps()) << terminal->text();
  }
  EXPECT_THAT(large.line_with("/ext4/16M"), StartsWith(mount_point + "/ext4/16M: "));
  EXPECT_THAT(small.line_with("/ext4/16M"), StartsWith("<mmm"));
  formatter.release();
  EXPECT_EQ(client.wait(), 0);
  for (auto* const terminal : {&small, &large}) {
    // A record and not a live line: it wraps.
    EXPECT_TRUE(terminal->shows(": done in")) << terminal->text();
    EXPECT_TRUE(terminal->shows_no("waiting")) << terminal->text();
    terminal->type("\x03");
    EXPECT_TRUE(terminal->shows("ready>")) << terminal->text();
  }
}

TEST_F(OnATerminal, BuildKeepsItsBarInOneLine) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  std::string templates;
  for (int each = 16; each < 32; ++each) templates += " ext4/" + std::to_string(each) + "M";
  for (auto const& size : {kSmall, kLarge}) {
    TmuxTerminal terminal(size.columns, size.rows);
    terminal.run(program_path() + " build --builder host --store " + store() + templates);
    ASSERT_TRUE(terminal.shows("0/16  ext4/16M ")) << terminal.text();
    auto const first = terminal.line_with("0/16");
    ASSERT_TRUE(terminal.shows_no(first)) << "it is drawn anew";
    EXPECT_EQ(count_lines(terminal, "0/16"), 1u) << terminal.text();
    EXPECT_THAT(terminal.line_with("0/16"), StartsWith("[...................."));
    EXPECT_THAT(terminal.line_with("0/16"), AllOf(SizeIs(size.columns - 1), EndsWith(">")));
    EXPECT_FALSE(terminal.wraps()) << terminal.text();
    terminal.type("\x03");
    EXPECT_TRUE(terminal.shows("ready>")) << terminal.text();
    (void)run({"clean"});
  }
  formatter.release();
  TmuxTerminal terminal(kSmall.columns, kSmall.rows);
  terminal.run(program_path() + " build --builder host --store " + store() + " raw/1M ext4/16M");
  EXPECT_TRUE(terminal.shows("\nready>")) << terminal.text();
  EXPECT_THAT(terminal.text(), AllOf(HasSubstr("\next4/16M  ext4-16m-"), Not(HasSubstr("[#"))));
}

TEST_F(OnATerminal, ImportKeepsItsBarInOneLineAndTakesItAway) {
  TempDir const dir;
  auto const disk = long_path(dir, 'd', ".qcow2");
  auto const made = run_command({"qemu-img", "create", "-q", "-f", "qcow2", disk, "16M"}, Deadline::never());
  ASSERT_TRUE(made.status.success()) << made.text;
  ASSERT_EQ(outcome(::mkfifo((dir / "gate").c_str(), 0600)), "ok");
  Fd const gate = open_file(dir / "gate");
  // As if the first half of it had taken a while.
  replace_file(AT_FDCWD, dir / "qemu-img",
               "#!/bin/sh\ncase $1 in convert) sleep 0.5; printf '    (50.00/100%%)\\r'; read -r go <" +
                   dir / "gate" + ";; esac\nexec " + find_on_path("qemu-img") + " \"$@\"\n",
               0755, false);
  ASSERT_EQ(outcome(::chmod((dir / "qemu-img").c_str(), 0755)), "ok");
  for (auto const& size : {kSmall, kLarge}) {
    TmuxTerminal terminal(size.columns, size.rows);
    terminal.run("PATH=" + dir.path() + ":$PATH " + program_path() + " import " + disk + " --name n" +
                 std::to_string(size.rows) + " --store " + store());
    ASSERT_TRUE(terminal.shows("[##########..........] 8M of 16M, 50 %, ")) << terminal.text();
    EXPECT_EQ(count_lines(terminal, "[#"), 1u) << terminal.text();
    EXPECT_FALSE(terminal.wraps()) << terminal.text();
    if (size.columns == kLarge.columns) {
      EXPECT_THAT(terminal.line_with("[#"), EndsWith(disk));
    }
    write_all(gate.get(), "go\n", "the gate");
    EXPECT_TRUE(terminal.shows("\nready>")) << terminal.text();
    EXPECT_THAT(terminal.text(), AllOf(HasSubstr("imported n"), Not(HasSubstr("[#"))));
  }
}

}  // namespace

}  // namespace templatefs::test
