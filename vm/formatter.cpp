// SPDX-License-Identifier: Apache-2.0
#include "vm/formatter.h"

#include "base/child.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/guarded.h"
#include "vm/filesystem.h"
#include "vm/shared_libraries.h"

#include <cerrno>
#include <cstdlib>
#include <map>
#include <sstream>
#include <tuple>

#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct Known {
  std::string banner;
  std::vector<std::string> libraries;
};

/// A script (a wrapper that somebody put in front) has none: what it starts is its own affair, on the host.
std::vector<std::string> libraries_of(std::string const& path) {
  try {
    return shared_libraries(path);
  } catch (Error const& error) {
    if (error.err() != ENOEXEC) throw;
    return {};
  }
}

Known examine(std::string const& path, std::string const& version_switch) {
  auto output = run_command({path, version_switch}, Deadline::after(std::chrono::seconds(10)));
  // Only the words count: mkfs.ext4 -V succeeds, others answer their own version switch with a failure.
  if (output.text.empty())
    throw Error(EIO, path + " " + version_switch + " produced no output (" + output.status.describe() + ")",
                "Is it the formatter, or something else of that name on PATH?");
  return {std::move(output.text), libraries_of(path)};
}

/// By name as well as by file: mke2fs is one file with many names.
Known examine_once(std::string const& path, Filesystem const& filesystem) {
  using Identity = std::tuple<std::string, std::string_view, dev_t, ino_t, off_t, std::int64_t, std::int64_t>;
  static Guarded<std::map<Identity, Known>> memo;
  struct stat st {};
  check(::stat(path.c_str(), &st), "stat", path);
  Identity const identity{path,       filesystem.name,   st.st_dev,         st.st_ino,
                          st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
  auto known = memo.with([&](auto& all) {
    auto const found = all.find(identity);
    return found == all.end() ? Known{} : found->second;
  });
  if (!known.banner.empty()) return known;
  known = examine(path, std::string(filesystem.version_switch));
  memo.with([&](auto& all) { all[identity] = known; });
  return known;
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
  auto known = examine_once(out.path, filesystem);
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
