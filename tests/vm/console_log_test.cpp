// SPDX-License-Identifier: Apache-2.0
#include "vm/console_log.h"

#include "base/files.h"
#include "tests/vm/support.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::vm {

class ConsoleLogTest : public VmTest {};

TEST_F(ConsoleLogTest, KeepsTheLastTwentyLines) {
  ConsoleLog log("");
  for (int i = 1; i <= 30; ++i) log.append("line " + std::to_string(i) + "\r\n");
  auto const tail = log.tail();
  EXPECT_TRUE(tail.starts_with("line 11\nline 12\n")) << tail;
  EXPECT_TRUE(tail.ends_with("\nline 30")) << tail;
}

TEST_F(ConsoleLogTest, CountsAnUnfinishedLine) {
  ConsoleLog log("");
  for (int i = 1; i <= 20; ++i) log.append("line " + std::to_string(i) + "\n");
  log.append("Kernel panic - not syn");
  auto const tail = log.tail();
  EXPECT_TRUE(tail.starts_with("line 2\n")) << tail;
  EXPECT_TRUE(tail.ends_with("\nKernel panic - not syn")) << tail;
  EXPECT_EQ(std::count(tail.begin(), tail.end(), '\n'), 19);
}

TEST_F(ConsoleLogTest, SaysWhenNothingWasPrinted) {
  EXPECT_EQ(ConsoleLog("").tail(), "(nothing was printed)");
}

TEST_F(ConsoleLogTest, AppendsToItsFileInPlainAscii) {
  write_file(scratch_ / "log", "before\n");
  {
    ConsoleLog log(scratch_ / "log");
    log.append("a\x1b[2Jb\r\n");
    log.append("\a\xc3\xa9\tend\n");
  }
  EXPECT_EQ(read_file(AT_FDCWD, scratch_ / "log"), "before\na[2Jb\n??\tend\n");
}

TEST_F(ConsoleLogTest, BoundsFileAndLines) {
  ConsoleLog log(scratch_ / "log");
  std::string const chunk(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) log.append(chunk);
  struct stat st {};
  ASSERT_EQ(::stat((scratch_ / "log").c_str(), &st), 0);
  EXPECT_EQ(static_cast<std::size_t>(st.st_size), ConsoleLog::kFileLimit);
  EXPECT_EQ(log.tail().size(), ConsoleLog::kLineLimit);
}

}  // namespace templatefs::vm
