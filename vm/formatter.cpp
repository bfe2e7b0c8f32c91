// SPDX-License-Identifier: Apache-2.0
#include "vm/formatter.h"

#include "base/child.h"
#include "base/digest.h"
#include "base/error.h"
#include "vm/filesystem.h"
#include "vm/host_program.h"

#include <cerrno>
#include <cstdlib>
#include <sstream>

#include <unistd.h>

namespace templatefs::vm {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string uuid_argument(BuildSpec const& spec) {
  auto uuid = spec.uuid;
  // mkfs.vfat takes eight digits in a row.
  if (spec.filesystem->uuid_form == UuidForm::serial) std::erase(uuid, '-');
  return std::string(spec.filesystem->uuid_option) + uuid;
}

std::string how_to_get(std::string const& name, std::string const& package) {
  char const* const path = std::getenv("PATH");
  std::string const current =
      path != nullptr ? "PATH is " + std::string(path) : std::string("PATH is not set");
  // Debian leaves these out of an ordinary user's PATH.
  for (std::string const directory : {"/usr/sbin", "/usr/local/sbin", "/sbin"})
    if (!find_on_path(directory + "/" + name).empty())
      return name + " is in " + directory + ": add that directory to PATH. " + current;
  return "Install the " + package + " package (or your distribution's equivalent). " + current;
}

}  // namespace

Formatter find_formatter(Filesystem const& filesystem) {
  std::string const name(filesystem.formatter);
  Formatter out;
  out.path = find_on_path(name);
  if (out.path.empty())
    throw Error(ENOPKG, name + " not found on PATH", how_to_get(name, std::string(filesystem.package)));
  auto known = examine_program(out.path, std::string(filesystem.version_switch));
  out.banner = std::move(known.banner);
  out.libraries = std::move(known.libraries);
  for (auto const& file : filesystem.config_files)
    if (::access(file.c_str(), R_OK) == 0) out.config_files.push_back(file);
  return out;
}

std::string Formatter::version_line() const {
  std::istringstream lines(banner);
  for (std::string line; std::getline(lines, line);)
    for (std::size_t at = 1; at + 1 < line.size(); ++at)
      if (line[at] == '.' && is_digit(line[at - 1]) && is_digit(line[at + 1])) return line;
  return banner.substr(0, banner.find('\n'));
}

std::vector<Input> Formatter::inputs() const {
  return {{"formatter_version", banner},
          {"formatter_digest", file_sha256(path)},
          {"formatter_libraries", libraries.empty() ? "none" : digest_of_files(libraries)},
          {"formatter_config", config_files.empty() ? "none" : digest_of_files(config_files)}};
}

std::vector<std::string> Formatter::files() const {
  std::vector<std::string> out{path};
  out.insert(out.end(), libraries.begin(), libraries.end());
  out.insert(out.end(), config_files.begin(), config_files.end());
  return out;
}

std::vector<std::string> formatter_command(BuildSpec const& spec, std::string const& device) {
  std::vector<std::string> argv{std::string(spec.filesystem->formatter)};
  argv.insert(argv.end(), spec.filesystem->arguments.begin(), spec.filesystem->arguments.end());
  if (!spec.label.empty()) argv.push_back(std::string(spec.filesystem->label_option) + spec.label);
  if (!spec.uuid.empty()) argv.push_back(uuid_argument(spec));
  argv.insert(argv.end(), spec.arguments.begin(), spec.arguments.end());
  argv.push_back(device);
  return argv;
}

std::string digest_of_files(std::vector<std::string> const& paths) {
  Sha256 sum;
  for (auto const& path : paths) sum.update(path).update("\n").update(file_sha256(path)).update("\n");
  return sum.finish();
}

}  // namespace templatefs::vm
