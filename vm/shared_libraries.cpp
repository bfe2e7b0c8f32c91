// SPDX-License-Identifier: Apache-2.0
#include "vm/shared_libraries.h"

#include "base/child.h"
#include "base/error.h"
#include "base/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

template <class T>
bool read_at(int fd, T& out, std::uint64_t offset) {
  return ::pread(fd, &out, sizeof out, static_cast<off_t>(offset)) == static_cast<ssize_t>(sizeof out);
}

}  // namespace

std::string elf_interpreter(std::string const& program) {
  Fd const fd = open_at(AT_FDCWD, program, O_RDONLY);
  Elf64_Ehdr header{};
  if (!read_at(fd.get(), header, 0) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64)
    throw Error(ENOEXEC, program + " is not a 64-bit ELF program");
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!read_at(fd.get(), segment, header.e_phoff + i * sizeof segment))
      throw Error(ENOEXEC, program + " is cut short");
    if (segment.p_type != PT_INTERP) continue;
    char path[4096] = "";
    auto const size = std::min<std::uint64_t>(segment.p_filesz, sizeof path - 1);
    if (::pread(fd.get(), path, size, static_cast<off_t>(segment.p_offset)) != static_cast<ssize_t>(size))
      throw Error(ENOEXEC, program + " is cut short");
    return path;
  }
  return {};
}

std::vector<std::string> parse_loader_list(std::string const& text, std::string const& program) {
  // "\tlibz.so.1 => /lib/libz.so.1 (0x7f…)", "\t/lib64/ld-linux.so.2 (0x…)", "\tlinux-vdso.so.1 (0x…)".
  std::vector<std::string> paths;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto const arrow = line.find(" => ");
    auto const start = arrow == std::string::npos ? line.find_first_not_of(" \t") : arrow + 4;
    if (start == std::string::npos) continue;
    std::string const path = line.substr(start, line.find(" (0x", start) - start);
    if (path == "not found")
      throw Error(ENOPKG, program + " needs the library " + line.substr(1, arrow - 1) + ", which is missing");
    if (path.starts_with('/') && std::find(paths.begin(), paths.end(), path) == paths.end())
      paths.push_back(path);
  }
  return paths;
}

std::vector<std::string> shared_libraries(std::string const& program) {
  std::string const interpreter = elf_interpreter(program);
  if (interpreter.empty()) return {};
  // The loader itself knows every rule (RUNPATH, ld.so.cache, hwcaps); and this runs none of the program's
  // code.
  auto const listed =
      run_command({interpreter, "--list", program}, Deadline::after(std::chrono::seconds(10)));
  auto paths = parse_loader_list(listed.text, program);
  if (!listed.status.success())
    throw Error(EIO,
                interpreter + " --list " + program + ": " + listed.status.describe() + ": " + listed.text);
  if (std::find(paths.begin(), paths.end(), interpreter) == paths.end()) paths.push_back(interpreter);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace templatefs::vm
