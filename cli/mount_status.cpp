// SPDX-License-Identifier: Apache-2.0
#include "cli/mount_status.h"

#include "base/error.h"
#include "base/mount_table.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/live_mount.h"
#include "fusefs/mount_point.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>
#include <sstream>

namespace templatefs::cli {

namespace {

/// Mounts of this process's namespace, each once however often it is bound elsewhere.
std::vector<std::string> all_mounts() {
  std::vector<std::string> out;
  std::set<std::string> devices;
  for (auto const& mount : read_mount_table())
    if (mount.type == fusefs::kMountType && devices.insert(mount.device).second &&
        std::find(out.begin(), out.end(), mount.mount_point) == out.end())
      out.push_back(mount.mount_point);
  return out;
}

std::string problem_of(Error const& error) {
  if (error.err() == ENOTCONN)
    return "its daemon was killed; `templatefs mount` takes the mount point over, `umount -l` removes it";
  if (error.err() == EACCES) return "another user's: only that user may look";
  return error.sentence();
}

}  // namespace

std::int64_t MountStatus::number(char const* pointer) const {
  nlohmann::ordered_json::json_pointer const at(pointer);
  return status.contains(at) && status[at].is_number() ? status[at].get<std::int64_t>() : 0;
}

MountStatus look_at_mount(std::string const& mount_point) {
  MountStatus out;
  out.mount_point = mount_point;
  try {
    out.status = read_status(mount_point);
  } catch (Error const& error) {
    out.problem = problem_of(error);
  }
  return out;
}

std::vector<std::string> last_failures(std::string const& mount_point, std::size_t most) {
  std::vector<std::string> records;
  try {
    std::istringstream lines(read_control_file(mount_point, "errors"));
    // A record begins at the first column, what follows of it does not (fusefs/error_records.h).
    for (std::string line; std::getline(lines, line);)
      if (line.empty() || line.front() == ' ')
        (records.empty() ? records.emplace_back() : records.back()) += "\n" + line;
      else
        records.push_back(line);
  } catch (Error const&) {
    // Said where its status was asked for.
  }
  if (records.size() > most)
    records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(most));
  return records;
}

std::vector<std::string> mounts_to_show(std::vector<std::string> const& named) {
  if (named.empty()) {
    auto const all = all_mounts();
    if (all.empty()) complain(ENOENT, "no templatefs is mounted here", "", kNotFound);
    return all;
  }
  std::vector<std::string> out;
  for (auto const& each : named) {
    auto const mount_point = absolute_path(each);
    auto const there = mount_at(mount_point);
    if (!there || there->type != fusefs::kMountType) {
      complain(ENOENT, "no templatefs is mounted at " + mount_point, "", kNotFound);
      return {};
    }
    out.push_back(mount_point);
  }
  return out;
}

}  // namespace templatefs::cli
