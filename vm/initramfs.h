// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "vm/kernel_modules.h"

#include <string>
#include <vector>

namespace templatefs::vm {

struct Archiver;
struct Formatter;

/// What the guest is made of. It depends on the filesystem, the kernel and whether there is a seed, never on
/// a build's capacity or arguments, which the guest is told when it runs.
struct GuestContents {
  std::vector<KernelModule> modules;  // in load order
  std::string formatter_name;         // empty for a guest that only boots
  Formatter const* formatter = nullptr;
  Archiver const* archiver = nullptr;  // for a guest that fills what it formatted
};

/// The archive's bytes, the same for the same files. Throws Error.
std::string make_initramfs(GuestContents const& contents);

/// Bytes in a sealed memory file, for a child to open as /proc/self/fd/N. Throws Error.
Fd make_memory_file(std::string const& name, std::string_view bytes);

/// Where the formatter is in the guest, and the directories that libraries are in (LD_LIBRARY_PATH: the guest
/// has no ld.so.cache).
std::string formatter_in_guest(std::string const& formatter_name);
std::string library_path(std::vector<std::string> const& libraries);

}  // namespace templatefs::vm
