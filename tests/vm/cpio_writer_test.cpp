// SPDX-License-Identifier: Apache-2.0
#include "vm/cpio_writer.h"

#include "base/files.h"
#include "tests/vm/support.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::vm {

namespace {

class CpioWriterTest : public VmTest {
 protected:
  static std::string archive() {
    CpioWriter writer;
    writer.add_file("bin/tool", "#!/bin/sh\n", 0755);
    writer.add_file("bin/empty", "", 0600);
    writer.add_character_device("dev/console", 5, 1, 0600);
    writer.add_directory("bin");
    writer.add_file("a/b/c/odd-length", "12345", 0644);
    return writer.finish();
  }
};

}  // namespace

TEST_F(CpioWriterTest, IsReadByCpio) {
  write_file(scratch_ / "a.cpio", archive());
  auto const listed = run_command({"/bin/sh", "-c", "cpio -tv --quiet <" + scratch_ / "a.cpio"},
                                  Deadline::after(std::chrono::seconds(10)));
  ASSERT_TRUE(listed.status.success()) << listed.text;
  auto const names = run_command({"/bin/sh", "-c", "cpio -t --quiet <" + scratch_ / "a.cpio"},
                                 Deadline::after(std::chrono::seconds(10)));
  EXPECT_EQ(names.text, "bin\nbin/tool\nbin/empty\ndev\ndev/console\na\na/b\na/b/c\na/b/c/odd-length\n");
  EXPECT_NE(listed.text.find("crw-------"), std::string::npos) << listed.text;
  EXPECT_NE(listed.text.find("5,   1"), std::string::npos) << listed.text;
}

TEST_F(CpioWriterTest, UnpacksToTheSameBytesAndModes) {
  write_file(scratch_ / "a.cpio", archive());
  ASSERT_TRUE(succeeds(
      {"/bin/sh", "-c",
       "cd " + scratch_.path() + " && cpio -idm --quiet --no-absolute-filenames 'bin/*' 'a/*' <a.cpio"}));
  EXPECT_EQ(read_file(AT_FDCWD, scratch_ / "bin/tool"), "#!/bin/sh\n");
  EXPECT_EQ(read_file(AT_FDCWD, scratch_ / "bin/empty"), "");
  EXPECT_EQ(read_file(AT_FDCWD, scratch_ / "a/b/c/odd-length"), "12345");
  struct stat st {};
  ASSERT_EQ(::stat((scratch_ / "bin/tool").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0755u);
  EXPECT_EQ(st.st_mtime, 0);
}

TEST_F(CpioWriterTest, GivesTheSameBytesEveryTime) {
  EXPECT_EQ(archive(), archive());
}

TEST_F(CpioWriterTest, AlignsEveryEntryToFourBytes) {
  auto const bytes = archive();
  EXPECT_EQ(bytes.size() % 4, 0u);
  for (auto at = bytes.find("070701"); at != std::string::npos; at = bytes.find("070701", at + 1))
    EXPECT_EQ(at % 4, 0u);
}

}  // namespace templatefs::vm
