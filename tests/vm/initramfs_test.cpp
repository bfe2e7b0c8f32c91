// SPDX-License-Identifier: Apache-2.0
#include "vm/initramfs.h"

#include "base/files.h"
#include "tests/vm/support.h"
#include "vm/formatter.h"
#include "vm/guest_init.h"
#include "vm/kernel_lookup.h"
#include "vm/shared_libraries.h"

#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

class Initramfs : public VmTest {
 protected:
  std::string unpack(std::string const& archive) {
    write_file(scratch_ / "i.cpio", archive);
    make_directories(AT_FDCWD, scratch_ / "root", 0700);
    // Without the device node: that takes root.
    EXPECT_TRUE(succeeds(
        {"/bin/sh", "-c", "cd " + scratch_ / "root" + " && cpio -i --quiet -f dev/console <../i.cpio"}));
    return scratch_ / "root";
  }
};

}  // namespace

TEST_F(Initramfs, HoldsAllThatTheFormatterNeeds) {
  auto const ext4 = find_formatter(*find_filesystem("ext4"));
  auto const modules = find_modules(find_kernel("").modules, {"virtio_blk"}, {"ext4"});
  auto const root = unpack(make_initramfs({modules, "mkfs.ext4", &ext4}));
  EXPECT_EQ(read_file(AT_FDCWD, root + "/init"), guest_init_program());
  EXPECT_EQ(read_file(AT_FDCWD, root + "/bin/mkfs.ext4"), read_file(AT_FDCWD, ext4.path));
  EXPECT_EQ(read_file(AT_FDCWD, root + "/etc/mke2fs.conf"), read_file(AT_FDCWD, "/etc/mke2fs.conf"));
  for (auto const& library : ext4.libraries)
    EXPECT_EQ(read_file(AT_FDCWD, root + library), read_file(AT_FDCWD, library)) << library;
  std::istringstream list(read_file(AT_FDCWD, root + "/modules.list"));
  unsigned count = 0;
  for (std::string line; std::getline(list, line); ++count) {
    auto const path = line.substr(line.find('/'));
    EXPECT_EQ(line[0] == '/', modules[count].required) << line;
    EXPECT_EQ(::access((root + path).c_str(), R_OK), 0) << line;
  }
  EXPECT_EQ(count, modules.size());
}

TEST_F(Initramfs, TheFormatterRunsFromItAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "chroot takes root";
  for (auto const& row : filesystems()) {
    if (row.formatter.empty()) continue;
    auto const formatter = find_formatter(row);
    auto const root = unpack(make_initramfs({{}, std::string(row.formatter), &formatter}));
    auto const said = run_command({"/usr/sbin/chroot", root, formatter_in_guest(std::string(row.formatter)),
                                   std::string(row.version_switch)},
                                  Deadline::after(std::chrono::seconds(10)));
    // Not all of what it says: a help names the path that it was called by.
    auto in_guest = formatter;
    in_guest.banner = said.text;
    EXPECT_EQ(in_guest.version_line(), formatter.version_line());
    remove_tree(AT_FDCWD, root);
  }
}

TEST_F(Initramfs, IsTheSameEveryTime) {
  auto const xfs = find_formatter(*find_filesystem("xfs"));
  EXPECT_EQ(make_initramfs({{}, "mkfs.xfs", &xfs}), make_initramfs({{}, "mkfs.xfs", &xfs}));
}

TEST_F(Initramfs, NamesEveryDirectoryOfLibraries) {
  EXPECT_EQ(library_path({"/lib/x/a.so", "/lib/x/b.so", "/opt/y/c.so"}), "/lib/x:/opt/y");
}

TEST_F(Initramfs, MemoryFilesAreSealed) {
  Fd const file = make_memory_file("test", "contents");
  EXPECT_EQ(read_file(AT_FDCWD, "/proc/self/fd/" + std::to_string(file.get())), "contents");
  EXPECT_EQ(::write(file.get(), "x", 1), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(Initramfs, TheGuestsInitIsStaticAndItsDigestStable) {
  write_file(scratch_ / "init", guest_init_program(), 0755);
  EXPECT_EQ(elf_interpreter(scratch_ / "init"), "");
  EXPECT_EQ(guest_init_program().find("asan"), std::string_view::npos)
      << "host flags got into the guest's init";
  EXPECT_EQ(guest_init_digest().size(), 64u);
}

}  // namespace templatefs::vm
