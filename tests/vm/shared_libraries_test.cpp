// SPDX-License-Identifier: Apache-2.0
#include "vm/shared_libraries.h"

#include "tests/vm/support.h"
#include "vm/guest_init.h"

#include <cerrno>

#include <gmock/gmock.h>

namespace templatefs::vm {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class SharedLibraries : public VmTest {};

TEST_F(SharedLibraries, NamesLibrariesAndTheLoader) {
  auto const program = find_on_path("mkfs.btrfs");
  auto const libraries = shared_libraries(program);
  EXPECT_THAT(libraries, Contains(EndsWith("/libc.so.6")));
  EXPECT_THAT(libraries, Contains(EndsWith("/libuuid.so.1")));
  EXPECT_THAT(libraries, Contains(elf_interpreter(program)));
  for (auto const& path : libraries) EXPECT_EQ(path.front(), '/');
}

TEST_F(SharedLibraries, AStaticProgramHasNone) {
  write_file(scratch_ / "init", guest_init_program(), 0755);
  EXPECT_TRUE(shared_libraries(scratch_ / "init").empty());
}

TEST_F(SharedLibraries, RefusesWhatIsNoProgram) {
  write_script(scratch_ / "script", "true");
  EXPECT_EQ(error_of([&] { shared_libraries(scratch_ / "script"); }).err(), ENOEXEC);
  write_file(scratch_ / "cut", std::string("\x7f") + "ELF\x02");
  EXPECT_EQ(error_of([&] { shared_libraries(scratch_ / "cut"); }).err(), ENOEXEC);
}

TEST_F(SharedLibraries, ParsesTheLoadersList) {
  EXPECT_THAT(parse_loader_list("\tlinux-vdso.so.1 (0x00007ffd)\n"
                                "\tlibz.so.1 => /lib/with space/libz.so.1 (0x00007f)\n"
                                "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n",
                                "p"),
              ElementsAre("/lib/with space/libz.so.1", "/lib64/ld-linux-x86-64.so.2"));
}

TEST_F(SharedLibraries, NamesAMissingLibrary) {
  auto const error = error_of([] { parse_loader_list("\tlibnot.so.3 => not found\n", "mkfs.x"); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_THAT(error.text(), HasSubstr("libnot.so.3"));
}

}  // namespace templatefs::vm
