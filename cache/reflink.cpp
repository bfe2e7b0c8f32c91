// SPDX-License-Identifier: Apache-2.0
#include "cache/reflink.h"

#include "base/copy_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_table.h"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

constexpr std::uint64_t kBtrfsMagic = 0x9123683E;
constexpr std::uint64_t kXfsMagic = 0x58465342;

}  // namespace

ReflinkProbe probe_reflink(std::string const& path) {
  namespace fs = std::filesystem;
  ReflinkProbe probe;
  fs::path at = fs::absolute(path);
  std::error_code ignored;
  while (!fs::is_directory(at, ignored)) {
    if (at == at.root_path() || at.empty())
      throw Error(ENOENT, "find " + path + ": no existing ancestor, cannot verify FICLONE support");
    probe.ancestor = true;
    at = at.parent_path();
  }
  probe.probed = at.string();

  Fd const dir = open_at(AT_FDCWD, probe.probed, O_RDONLY | O_DIRECTORY);
  struct statfs st {};
  check(::fstatfs(dir.get(), &st), "statfs", probe.probed);
  probe.type_magic = static_cast<std::uint64_t>(st.f_type) & 0xffffffffu;
  if (auto const mount = mount_of(dir.get())) probe.type_name = mount->type;

  Fd const from = make_unnamed_file(probe.probed);
  Fd const to = make_unnamed_file(probe.probed);
  write_all(from.get(), std::string(4096, 'x'), probe.probed);
  probe.error = reflink(from.get(), to.get());
  probe.works = probe.error == 0;
  return probe;
}

std::string ReflinkProbe::describe(std::string const& path) const {
  std::string const where =
      ancestor ? format("no part of {} exists yet below its ancestor {}, which is", path, probed)
               : path + " is";
  if (works) return format("{} on {}, and a test clone worked", where, type_name);
  return format(
      "{} on {} (statfs.f_type=0x{:x}), where a test clone failed ({}); btrfs (0x{:x}) or xfs made with "
      "reflink=1 "
      "(0x{:x}) is needed for FICLONE-based per-test fan-out",
      where, type_name, type_magic, errno_words(error), kBtrfsMagic, kXfsMagic);
}

}  // namespace templatefs::cache
