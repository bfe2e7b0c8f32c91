// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/observe.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::test {

int errno_of_open(std::string const& path, int flags) {
  int const fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

void write_image(std::string const& path, std::string const& text) {
  Fd const image = open_at(AT_FDCWD, path, O_RDWR);
  write_all(image.get(), text, path);
}

std::string read_image(std::string const& path, std::size_t length, std::int64_t offset) {
  Fd const image = open_at(AT_FDCWD, path, O_RDONLY);
  std::string text(length, '\0');
  auto const got = check(::pread(image.get(), text.data(), length, offset), "read", path);
  text.resize(static_cast<std::size_t>(got));
  return text;
}

std::string file_of(Daemon const& daemon, std::string const& name_in_control_tree) {
  return read_file(AT_FDCWD, daemon / ".templatefs/" + name_in_control_tree);
}

nlohmann::json status_of(Daemon const& daemon) {
  try {
    return nlohmann::json::parse(file_of(daemon, "status.json"));
  } catch (std::exception const&) {
    return nlohmann::json::object();
  }
}

bool wait_for_waiting(Daemon const& daemon, unsigned count) {
  return wait_until([&] { return status_of(daemon).value("waiting_requests", 0u) == count; });
}

std::string error_of(std::string const& path) {
  char text[65536];
  auto const got = ::getxattr(path.c_str(), "user.templatefs.error", text, sizeof text);
  return got < 0 ? std::string() : std::string(text, static_cast<std::size_t>(got));
}

unsigned count_of(std::string const& text, std::string const& words) {
  unsigned count = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + words.size())) ++count;
  return count;
}

std::size_t descriptors_of(pid_t pid) {
  std::size_t count = 0;
  for_each_entry(AT_FDCWD, "/proc/" + std::to_string(pid) + "/fd", [&](std::string const&) { ++count; });
  return count;
}

std::int64_t memory_of(pid_t pid) {
  std::istringstream status(read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status"));
  for (std::string word; status >> word;)
    if (std::int64_t kib = 0; word == "VmRSS:" && status >> kib) return kib;
  return 0;
}

std::int64_t open_files_of_system() {
  return std::stoll(read_file(AT_FDCWD, "/proc/sys/fs/file-nr"));
}

std::int64_t free_bytes(std::string const& path) {
  struct statvfs fs {};
  check(::statvfs(path.c_str(), &fs), "statvfs", path);
  return static_cast<std::int64_t>(fs.f_bavail) * static_cast<std::int64_t>(fs.f_frsize);
}

std::vector<std::string> processes_mentioning(std::string const& text, std::vector<pid_t> const& except) {
  std::vector<std::string> found;
  for_each_entry(AT_FDCWD, "/proc", [&](std::string const& name) {
    if (name.find_first_not_of("0123456789") != std::string::npos) return;
    pid_t const pid = std::stoi(name);
    if (pid == ::getpid() || std::find(except.begin(), except.end(), pid) != except.end()) return;
    try {
      std::string line = read_file(AT_FDCWD, "/proc/" + name + "/cmdline");
      std::replace(line.begin(), line.end(), '\0', ' ');
      if (line.find(text) != std::string::npos) found.push_back(name + " " + line);
    } catch (Error const&) {
      // It has ended.
    }
  });
  return found;
}

std::chrono::milliseconds time_of(std::function<void()> const& act) {
  auto const start = std::chrono::steady_clock::now();
  act();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace templatefs::test
