// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace templatefs::vm {

/// What a program loads before its first instruction: its ELF interpreter and its shared libraries, absolute
/// paths as the interpreter itself names them. Empty for a static program. Throws Error(ENOPKG) for a missing
/// library, ENOEXEC for what is no ELF file.
std::vector<std::string> shared_libraries(std::string const& program);

/// The path of a program's ELF interpreter, empty for a static one. Throws Error(ENOEXEC).
std::string elf_interpreter(std::string const& program);

/// The paths in what `ld.so --list` printed. Throws Error(ENOPKG) for a library it could not find.
std::vector<std::string> parse_loader_list(std::string const& text, std::string const& program);

}  // namespace templatefs::vm
