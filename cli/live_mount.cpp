// SPDX-License-Identifier: Apache-2.0
#include "cli/live_mount.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_table.h"
#include "fusefs/mount_point.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(10);
std::atomic<bool> reader_is_stuck = false;

/// Links are resolved as far as the path exists; what does not exist is kept as written.
std::string resolved(std::string const& path) {
  std::error_code failed;
  auto const whole = std::filesystem::weakly_canonical(path, failed);
  return failed ? std::filesystem::absolute(path).lexically_normal().string() : whole.string();
}

std::string link_target(std::string const& link) {
  char target[4096];
  auto const length = ::readlink(link.c_str(), target, sizeof target);
  return length < 0 ? std::string() : std::string(target, static_cast<std::size_t>(length));
}

void for_each_process(std::function<void(std::string const& pid, std::string const& path)> const& visit) {
  for_each_entry(AT_FDCWD, "/proc", [&](std::string const& pid) {
    if (pid.find_first_not_of("0123456789") == std::string::npos) visit(pid, "/proc/" + pid);
  });
}

void for_each_descriptor(std::string const& process, std::function<void(std::string const&)> const& visit) {
  try {
    for_each_entry(AT_FDCWD, process + "/fd", visit);
  } catch (Error const&) {
    // Another user's process, or one that has ended.
  }
}

/// "qemu-system-x86 (pid 811)"; empty where it has ended.
std::string name_of_process(std::string const& pid) {
  try {
    auto const name = read_file(AT_FDCWD, "/proc/" + pid + "/comm");
    return format("{} (pid {})", name.substr(0, name.find('\n')), pid);
  } catch (Error const&) {
    return {};
  }
}

/// Of a descriptor's fdinfo (proc(5)): "flags:" and an octal number.
bool is_for_writing(std::string const& fdinfo) {
  try {
    auto const text = read_file(AT_FDCWD, fdinfo);
    auto const at = text.find("flags:");
    return at != std::string::npos &&
           (std::strtol(text.c_str() + at + 6, nullptr, 8) & O_ACCMODE) != O_RDONLY;
  } catch (Error const&) {
    return false;  // closed meanwhile
  }
}

}  // namespace

std::optional<LiveMount> find_mount_of(std::string const& path) {
  std::string const whole = resolved(path);
  std::optional<LiveMount> best;
  for (auto const& mount : read_mount_table()) {
    if (mount.type != fusefs::kMountType) continue;
    bool const inside = whole == mount.mount_point || whole.starts_with(mount.mount_point + "/");
    if (inside && (!best || mount.mount_point.size() >= best->mount_point.size()))
      best = LiveMount{mount.mount_point,
                       whole == mount.mount_point ? "" : whole.substr(mount.mount_point.size() + 1)};
  }
  return best;
}

std::string read_control_file(std::string const& mount_point, std::string const& name) {
  // A daemon that is stuck keeps its readers waiting, and nothing but their end wakes them: so the thread is
  // left to that, and owns all that it uses.
  auto const path = mount_point + "/.templatefs/" + name;
  std::packaged_task<std::string()> task([path] { return read_file(AT_FDCWD, path); });
  auto text = task.get_future();
  std::thread(std::move(task)).detach();
  if (text.wait_for(kAnswerLimit) != std::future_status::ready) {
    reader_is_stuck = true;
    throw Error(ETIMEDOUT, "read " + path + ": its daemon does not answer",
                "See whether it is stopped or stuck; `umount -f` ends the mount.");
  }
  return text.get();
}

bool has_stuck_reader() noexcept {
  return reader_is_stuck;
}

nlohmann::ordered_json read_status(std::string const& mount_point) {
  try {
    return nlohmann::ordered_json::parse(read_control_file(mount_point, "status.json"));
  } catch (nlohmann::json::exception const& error) {
    throw Error(EBADMSG, "read the status of " + mount_point + ": " + error.what());
  }
}

std::vector<std::string> users_of(std::string const& mount_point) {
  std::vector<std::string> users;
  for_each_process([&](std::string const& pid, std::string const& process) {
    auto const note = [&](std::string const& link) {
      std::string const target = link_target(link);
      if (target != mount_point && !target.starts_with(mount_point + "/")) return false;
      auto const name = name_of_process(pid);
      if (name.empty()) return false;  // it has ended
      users.push_back(name + " " + (target == mount_point ? "." : target.substr(mount_point.size() + 1)));
      return true;
    };
    if (note(process + "/cwd") || note(process + "/root")) return;
    bool found = false;
    for_each_descriptor(process,
                        [&](std::string const& fd) { found = found || note(process + "/fd/" + fd); });
  });
  return users;
}

std::vector<std::string> writers_of_file(std::string const& path) {
  std::vector<std::string> writers;
  for_each_process([&](std::string const& pid, std::string const& process) {
    bool writes = false;
    for_each_descriptor(process, [&](std::string const& fd) {
      if (!writes && link_target(process + "/fd/" + fd) == path)
        writes = is_for_writing(process + "/fdinfo/" + fd);
    });
    if (writes) writers.push_back(name_of_process(pid));
  });
  return writers;
}

}  // namespace templatefs::cli
