// SPDX-License-Identifier: Apache-2.0
#include "vm/initramfs.h"

#include "base/error.h"
#include "base/files.h"
#include "vm/archiver.h"
#include "vm/cpio_writer.h"
#include "vm/decompress.h"
#include "vm/formatter.h"
#include "vm/guest_init.h"

#include <set>

#include <fcntl.h>
#include <sys/mman.h>

namespace templatefs::vm {

namespace {

void add_host_file(CpioWriter& archive, std::string const& path, std::string const& name_in_guest,
                   unsigned mode) {
  archive.add_file(name_in_guest, read_file(AT_FDCWD, path), mode);
}

/// "/lib/modules/6.1/kernel/fs/xfs/xfs.ko.xz" -> "modules/xfs.ko"
std::string module_in_guest(std::string const& path) {
  std::string const name = path.substr(path.rfind('/') + 1);
  return "modules/" + name.substr(0, name.find(".ko")) + ".ko";
}

}  // namespace

std::string make_initramfs(GuestContents const& contents) {
  CpioWriter archive;
  archive.add_file("init", guest_init_program(), 0755);
  // The kernel opens it for PID 1 before any devtmpfs is mounted.
  archive.add_character_device("dev/console", 5, 1, 0600);
  std::string list;
  for (auto const& module : contents.modules) {
    std::string const name = module_in_guest(module.path);
    archive.add_file(name, read_decompressed(module.path), 0644);
    list += (module.required ? "/" : "?/") + name + "\n";
  }
  archive.add_file("modules.list", list, 0644);
  std::set<std::string> libraries;
  if (contents.formatter != nullptr) {
    auto const& formatter = *contents.formatter;
    add_host_file(archive, formatter.path, formatter_in_guest(contents.formatter_name).substr(1), 0755);
    for (auto const& path : formatter.config_files) add_host_file(archive, path, path.substr(1), 0644);
    libraries.insert(formatter.libraries.begin(), formatter.libraries.end());
  }
  if (contents.archiver != nullptr) {
    auto const& program = contents.archiver->program;
    add_host_file(archive, program.path, std::string(kArchiverInGuest).substr(1), 0755);
    for (auto const& path : name_files()) add_host_file(archive, path, path.substr(1), 0644);
    libraries.insert(program.libraries.begin(), program.libraries.end());
  }
  for (auto const& path : libraries) add_host_file(archive, path, path.substr(1), 0755);
  return archive.finish();
}

Fd make_memory_file(std::string const& name, std::string_view bytes) {
  Fd file(check(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING), "make memory file", name));
  write_all(file.get(), bytes, name);
  check(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), "seal",
        name);
  return file;
}

std::string formatter_in_guest(std::string const& formatter_name) {
  return "/bin/" + formatter_name;
}

std::string library_path(std::vector<std::string> const& libraries) {
  std::set<std::string> directories;
  for (auto const& path : libraries) directories.insert(path.substr(0, path.rfind('/')));
  std::string out;
  for (auto const& directory : directories) out += (out.empty() ? "" : ":") + directory;
  return out;
}

}  // namespace templatefs::vm
