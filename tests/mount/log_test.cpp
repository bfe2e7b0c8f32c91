// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/environment.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/datagram_socket.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>

#include <signal.h>
#include <unistd.h>

// Where the log of a mount goes, and how much of it there is.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class Log : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  }
  std::string config(std::string const& text) const {
    replace_file(AT_FDCWD, dir_ / "config.toml", text, 0600, false);
    return dir_ / "config.toml";
  }
  std::string file() const { return dir_ / "here.log"; }
  std::string text() const { return read_file(AT_FDCWD, file()); }
  static std::vector<std::string> lines_of(std::string const& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  TempDir const dir_;
};

TEST_F(Log, GoesToAServicesStandardErrorWithPrioritiesAndWithoutTimes) {
  MountedStore const mount(kOnXfs);
  EXPECT_EQ(open_outcome(mount / "xfs/16M/a.img", O_RDWR), "EINVAL");
  auto lines = lines_of(mount.daemon().output());
  // What is for the user goes to standard output, which is the same file here.
  std::erase_if(lines,
                [](auto const& line) { return line.starts_with("mounted") || line.starts_with("Try"); });
  EXPECT_THAT(lines, Each(MatchesRegex("<[367]>[^<].*")));
  EXPECT_THAT(mount.daemon().output(),
              AllOf(HasSubstr("<6>mounted "), HasSubstr("\n<3>open of xfs/16M/a.img failed: xfs cannot")));
}

TEST_F(Log, GoesToTheJournal) {
  DatagramSocket const journal(dir_ / "socket");
  EnvironmentVariable const socket("TEMPLATEFS_JOURNAL", dir_ / "socket");
  MountedStore const mount(kOnXfs, {"--log", "journal"});
  EXPECT_THAT(journal.receive_with("MESSAGE=mounted"),
              AllOf(HasSubstr("\nPRIORITY=6\n"), HasSubstr("\nSYSLOG_IDENTIFIER=templatefs\n"),
                    HasSubstr("\nTEMPLATEFS_MOUNT=" + mount.mount_point() + "\n"),
                    HasSubstr("\nTEMPLATEFS_STORE=" + mount.store() + "\n")));
  EXPECT_EQ(open_outcome(mount / "xfs/16M/a.img", O_RDWR), "EINVAL");
  EXPECT_THAT(journal.receive_with("xfs/16M/a.img"), HasSubstr("\nPRIORITY=3\n"));
}

TEST_F(Log, ThatCannotBeHadIsAnErrorAtTheStart) {
  LoopFilesystem const filesystem("xfs");
  EnvironmentVariable const socket("TEMPLATEFS_JOURNAL", dir_ / "nowhere");
  for (auto const& [place, reason] :
       {std::pair("journal", "log to a file"), std::pair("/proc/x/y", "/proc/x/y")}) {
    auto const output = run_program(
        {"mount", "--builder", "host", "--store", filesystem / "store", "--log", place, dir_ / "mnt"});
    EXPECT_EQ(output.status.describe(), "exit status 1");
    EXPECT_THAT(output.text, HasSubstr(reason));
  }
  auto const output =
      run_program({"mount", "--config", config("[log]\nto = \"journal\"\nlevel = \"loud\"\n"), dir_ / "mnt"});
  EXPECT_THAT(output.text,
              AllOf(HasSubstr("config.toml:3:9: level cannot be \"loud\""), HasSubstr("warning")));
}

TEST_F(Log, GoesWhereTheConfigurationSaysAndAnOptionOverridesIt) {
  auto const said = config("[log]\nto = \"here.log\"\nlevel = \"warning\"\n");
  {
    MountedStore const mount(kOnXfs, {"--config", said});
    EXPECT_EQ(open_outcome(mount / "xfs/16M/a.img", O_RDWR), "EINVAL");
    EXPECT_THAT(text(), AllOf(MatchesRegex("....-..-..T.* error: .*"), HasSubstr("xfs/16M/a.img"),
                              Not(HasSubstr("mounted"))));
  }
  ASSERT_EQ(::unlink(file().c_str()), 0);
  MountedStore const mount(kOnXfs, {"--config", said, "-v", "--log", dir_ / "there.log"});
  EXPECT_EQ(::access(file().c_str(), F_OK), -1);
  EXPECT_THAT(read_file(AT_FDCWD, dir_ / "there.log"), HasSubstr(" info: mounted"));
}

TEST_F(Log, HasOneRecordForABuildAndNoneForAnOrdinaryOpen) {
  MountedStore const mount(kOnXfs, {"--log", file()});
  auto const before = lines_of(text()).size();
  EXPECT_EQ(open_outcome(mount / "ext4/16M/first.img", O_RDWR), "ok");
  auto const lines = lines_of(text());
  ASSERT_EQ(lines.size(), before + 1);
  EXPECT_THAT(lines.back(),
              MatchesRegex(".* info: built ext4-16m-[0-9a-f]+ in [0-9]+ ms \\(accelerator none,.* "
                           "format [0-9]+ ms.*\\)"));
  for (int each = 0; each < 100; ++each)
    ASSERT_EQ(open_outcome(mount / ("ext4/16M/" + std::to_string(each) + ".img"), O_RDWR), "ok");
  EXPECT_EQ(lines_of(text()).size(), lines.size()) << text();
}

TEST_F(Log, CountsWhatRepeatsItself) {
  {
    MountedStore const mount(kOnXfs, {"--log", file()});
    auto const before = lines_of(text()).size();
    EXPECT_EQ(open_outcome(mount / "xfs/16M/first.img", O_RDWR), "EINVAL");
    auto const one = lines_of(text()).size() - before;
    EXPECT_EQ(one, 1u);
    for (int each = 0; each < 200; ++each)
      ASSERT_EQ(open_outcome(mount / ("xfs/16M/t" + std::to_string(each) + ".img"), O_RDWR), "EINVAL");
    EXPECT_LE(lines_of(text()).size(), before + 1 + 5 + 1) << text();
  }
  EXPECT_THAT(text(), HasSubstr("... repeated 195 times\n")) << "told at the end at the latest";
}

}  // namespace

}  // namespace templatefs::test
