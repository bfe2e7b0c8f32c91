// SPDX-License-Identifier: Apache-2.0
#include "vm/host_program.h"

#include "base/child.h"
#include "base/error.h"
#include "base/guarded.h"
#include "vm/shared_libraries.h"

#include <cerrno>
#include <map>
#include <tuple>

#include <sys/stat.h>

namespace templatefs::vm {

namespace {

/// A script (a wrapper that somebody put in front) has none: what it starts is its own affair, on the host.
std::vector<std::string> libraries_of(std::string const& path) {
  try {
    return shared_libraries(path);
  } catch (Error const& error) {
    if (error.err() != ENOEXEC) throw;
    return {};
  }
}

HostProgram examine(std::string const& path, std::string const& version_switch) {
  auto output = run_command({path, version_switch}, Deadline::after(std::chrono::seconds(10)));
  // Only the words count: mkfs.ext4 -V succeeds, others answer their own version switch with a failure.
  if (output.text.empty())
    throw Error(EIO, path + " " + version_switch + " produced no output (" + output.status.describe() + ")",
                "Is it the program meant, or something else of that name on PATH?");
  return {path, std::move(output.text), libraries_of(path)};
}

}  // namespace

HostProgram examine_program(std::string const& path, std::string const& version_switch) {
  using Identity = std::tuple<std::string, std::string, dev_t, ino_t, off_t, std::int64_t, std::int64_t>;
  static Guarded<std::map<Identity, HostProgram>> memo;
  struct stat st {};
  check(::stat(path.c_str(), &st), "stat", path);
  Identity const identity{path,       version_switch,    st.st_dev,         st.st_ino,
                          st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
  auto known = memo.with([&](auto& all) {
    auto const found = all.find(identity);
    return found == all.end() ? HostProgram{} : found->second;
  });
  if (!known.banner.empty()) return known;
  known = examine(path, version_switch);
  memo.with([&](auto& all) { all[identity] = known; });
  return known;
}

}  // namespace templatefs::vm
