// SPDX-License-Identifier: Apache-2.0
#include "vm/archiver.h"

#include "base/child.h"
#include "base/digest.h"
#include "base/error.h"
#include "vm/formatter.h"

#include <cerrno>

#include <unistd.h>

namespace templatefs::vm {

namespace {

/// ACLs travel as the attributes in which the kernel keeps them. Filesystems show attributes besides that are
/// theirs alone: XFS the same ACLs under another name, btrfs its compression.
void add_attribute_options(std::vector<std::string>& argv) {
  argv.insert(argv.end(), {"--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.*",
                           "--xattrs-include=trusted.*", "--xattrs-include=system.posix_acl_*",
                           "--xattrs-exclude=trusted.SGI_ACL_*"});
}

std::vector<std::string> pack(std::string const& program, std::string const& directory) {
  std::vector<std::string> argv{program, "--create", "--format=posix",
                                // Of the three times only one can be set on a file.
                                "--pax-option=delete=atime,delete=ctime", "--sort=name", "--numeric-owner",
                                "--sparse", "--warning=no-file-ignored"};
  add_attribute_options(argv);
  argv.insert(argv.end(), {"--file=-", "--directory=" + directory, "."});
  return argv;
}

}  // namespace

Archiver find_archiver() {
  constexpr char kRemedy[] = "Install the tar package (or your distribution's equivalent)";
  auto const path = find_on_path("tar");
  if (path.empty()) throw Error(ENOPKG, "tar not found on PATH, which puts a seed in", kRemedy);
  Archiver archiver{examine_program(path, "--version")};
  if (archiver.program.banner.find("(GNU tar)") == std::string::npos)
    throw Error(ENOPKG, path + " is not GNU tar, which puts a seed in", kRemedy);
  return archiver;
}

std::vector<std::string> name_files() {
  std::vector<std::string> out;
  for (std::string const path : {"/etc/passwd", "/etc/group"})
    if (::access(path.c_str(), R_OK) == 0) out.push_back(path);
  return out;
}

std::vector<Input> Archiver::inputs(Seed const& seed) const {
  std::vector<Input> out{
      {"archiver_version", program.first_line()},
      {"archiver_digest", file_sha256(program.path)},
      {"archiver_libraries", program.libraries.empty() ? "none" : digest_of_files(program.libraries)}};
  if (seed.kind == Seed::Kind::tar) out.push_back({"seed_names", digest_of_files(name_files())});
  return out;
}

std::vector<std::string> Archiver::files() const {
  std::vector<std::string> out{program.path};
  out.insert(out.end(), program.libraries.begin(), program.libraries.end());
  return out;
}

std::vector<std::string> pack_command(Archiver const& archiver, std::string const& directory) {
  return pack(archiver.program.path, directory);
}

std::vector<std::string> pack_command_in_guest(std::string const& directory) {
  return pack(kArchiverInGuest, directory);
}

std::vector<std::string> unpack_command_in_guest(std::string const& archive, std::string const& directory,
                                                 bool textual_acls) {
  std::vector<std::string> argv{kArchiverInGuest, "--extract", "--preserve-permissions", "--same-owner",
                                "--numeric-owner",
                                // Whatever order the members are in, a directory's time is set last.
                                "--delay-directory-restore",
                                // What is left are errors, and attributes that could not be set.
                                "--warning=none", "--warning=xattr-write"};
  add_attribute_options(argv);
  if (textual_acls) argv.emplace_back("--acls");
  argv.insert(argv.end(), {"--file=" + archive, "--directory=" + directory});
  return argv;
}

}  // namespace templatefs::vm
